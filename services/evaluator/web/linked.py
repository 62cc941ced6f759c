"""Links in the report's drawings, which know no addresses: each point that says whose it is leads to its runs."""

from collections.abc import Mapping
from xml.etree import ElementTree

from markupsafe import Markup


def linked(drawing: Markup, links: Mapping[str, str]) -> Markup:
    """Returns an SVG drawing with its points in links: those with a title such as "NAME: 12.3, 45.6".

    `links` goes by that name. Names and addresses are untrusted text, and come out escaped.
    """
    root = ElementTree.fromstring(str(drawing))
    for parent in list(root.iter()):
        for at, child in enumerate(list(parent)):
            said = child.findtext("title") or ""
            target = links.get(said.rpartition(": ")[0]) if child.tag == "g" else None
            if target:
                anchor = ElementTree.Element("a", {"href": target, "class": "spot-link", "aria-label": said})
                anchor.append(child)
                parent[at] = anchor
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=True))
