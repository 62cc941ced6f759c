"""The bundled training corpus: short clips of which everything that is said is sure.

`build.build` makes a folder of FLAC files and their manifest from a seed. A synthetic clip starts as one or two
recipes: frozen values that render themselves to samples and state their own attributes, so that a description is true
by construction. Recordings, where Debian packages brought them, follow: names and transcripts say what they are.

    recipe -> speech (sentences), melodies, drums, signals, impacts, textures -> plan -> build <- recordings

The corpus makes the way from sound to trained connector run on any machine. It is no substitute for a data set.
"""
