"""Which names of animals could stand for each other: "owl" and "eagle owl", "crow" and "crows", "bird" and "wren".

It serves to keep wrong options wrong, so it would rather call two strangers kin ("ant", "elephant") than miss a
relation. The names are those of AuditoryBench's animals; what it does not list is kin by its spelling alone.
"""

ANYTHING = frozenset(("animal", "creature", "monster"))
"""Words for animals at large, by their last word: any other would answer as well."""

_KINDS = {
    "bird": """albatross blackcap bee_eater canary capercaillie cardinal chaffinch chickadee chicken cock cockatiel
        cockatoo coot crane crow cuckoo dove duck dunnock eagle finch flamingo fowl francolin gallinule goldeneye
        goldfinch goose grackle greenfinch gull hawk hen hoopoe hornbill jackdaw jay junco kingfisher kookaburra
        limpkin loon lorikeet macaw magpie meadowlark motmot nightingale nightjar oriole oropendolo osprey owl
        fledgling oystercatcher parakeet parrot partridge peacock penguin pheasant pigeon piha quail quero raven
        redstart robin rooster seagull sclateri shrike sparrow starling stork swallow swan swift tanager thrush
        tui turkey vireo warbler wagtail whitethroat woodpecker wren waterfowl""",
    "insect": """ant bee beetle bug bumblebee butterfly cicada cockroach cricket dragonfly fly grasshopper greenfly
        gryllidae hawkmoth housefly hoverfly maggot mosquito moth wasp woodworm""",
    "bug": """ant bee beetle bumblebee butterfly cicada cockroach cricket dragonfly fly grasshopper greenfly gryllidae
        hawkmoth housefly hoverfly insect maggot mosquito moth spider wasp woodworm worm""",
    "reptile": "alligator crocodile dinosaur dinosauru lizard rattlesnake snake turtle",
    "fish": "eel goldfish shark",
    "dinosaur": "pterodactyl",
    "dog": "beagle bulldog chihuahua doggy hound pug puppy",
    "cat": "jaguar kitten lion lynx tiger",
    "cow": "bull cattle wildebeest yak",
    "horse": "donkey pony zebroid",
    "pig": "piglet",
    "sheep": "lamb goat",
    "chicken": "cock hen rooster",
    "cock": "rooster",
    "deer": "elk reindeer stag",
    "frog": "tadpole toad",
    "crocodile": "alligator",
    "elephant": "mammoth",
    "whale": "dolphin",
    "monkey": "gibbon gorilla lemur",
    "mouse": "hamster rat vole",
    "cricket": "grasshopper gryllidae cicada",
    "duck": "goldeneye goose",
    "parrot": "cockatiel cockatoo lorikeet macaw parakeet",
    "wolf": "coyote dog hound jackal",
    "seagull": "seabird",
    "crow": "jackdaw raven",
}
_MEMBERS = {kind: frozenset(names.replace("_", " ").split()) for kind, names in _KINDS.items()}
_SINGULAR = {"geese": "goose", "flies": "fly", "cattle": "cow", "cows": "cow"}


def akin(one: str, other: str) -> bool:
    """Tells whether one of the two names may be taken for the other: by its spelling, its last word or its kind."""
    one, other = _folded(one), _folded(other)
    head, other_head = one.rsplit(" ", 1)[-1], other.rsplit(" ", 1)[-1]
    return one in other or other in one or head == other_head or _is_a(head, other_head) or _is_a(other_head, head)


def is_anything(name: str) -> bool:
    """Tells whether the name is a word for animals at large."""
    return _folded(name).rsplit(" ", 1)[-1] in ANYTHING


def _is_a(name: str, kind: str) -> bool:
    """Closed compounds count as their last part: a guineafowl is a fowl."""
    return any(name.endswith(member) for member in _MEMBERS.get(kind, ()))


def _folded(name: str) -> str:
    *front, head = name.casefold().split()
    singular = _SINGULAR.get(head) or (head.removesuffix("s") if not head.endswith("ss") else head)
    return " ".join((*front, singular))
