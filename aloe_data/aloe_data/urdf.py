"""The serial chain between two links of a URDF file: just what kinematics and limits need.

Source: URDF specification, https://wiki.ros.org/urdf/XML/joint.
"""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from aloe_data.section import nearest
from aloe_data.urdf_joint import EXPAND, ChainJoint, JointReader, UrdfError, link_of

_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


def load_chain(path: Path, base_link: str, tool_link: str) -> tuple[ChainJoint, ...]:
    """Read the joints from `base_link` to `tool_link`, in that order.

    Raises:
        UrdfError: unreadable or unprocessed file, unknown link, no chain between the links, a joint in the chain of an
            unsupported type or without proper numbers.
    """
    root = read_robot(path)
    links = [link.get("name", "") for link in root.findall("link")]
    for name in (base_link, tool_link):
        if name not in links:
            hint = nearest(name, links) if links else "the file has no links"
            raise UrdfError(f"{path}: no link '{name}'; {hint}")
    by_child = _joints_by_child(root, path)
    chain = _climb(by_child, tool_link, base_link)
    if chain is None:
        remedy = "correct base_link and tool_link in the rig file"
        if _climb(by_child, base_link, tool_link) is not None:
            remedy = "they are the wrong way round: swap base_link and tool_link in the rig file"
        raise UrdfError(f"{path}: no chain of joints leads from '{base_link}' to '{tool_link}'; {remedy}")
    joints = tuple(JointReader(element, path).read() for element in reversed(chain))
    names = [joint.name for joint in joints]
    for name in names:
        if names.count(name) > 1:
            raise UrdfError(f"{path}: two joints of the chain are named '{name}'; rename one")
    return joints


def _parse(data: bytes) -> ElementTree.Element:
    """The root element of a document in the encoding that it declares."""
    try:
        return ElementTree.fromstring(data)
    except ValueError:  # of encodings with several bytes per character, expat knows UTF-8 and "utf-16" alone
        declared = _DECLARED_ENCODING.search(data.replace(b"\0", b""))
        if declared is None:
            raise
        text = data.decode(declared[1].decode("ascii"))
        return ElementTree.fromstring(text.removeprefix("\ufeff"))


def read_robot(path: Path) -> ElementTree.Element:
    """The <robot> element of a file, its own namespace removed.

    Raises:
        UrdfError: the file cannot be read, is unprocessed xacro, or describes no robot.
    """
    try:
        data = path.read_bytes()
        root = _parse(data)
    except FileNotFoundError as error:
        others = ", ".join(sorted(str(other) for other in path.parent.glob("*.urdf"))) or "none"
        raise UrdfError(f"{path}: no such file; URDF files in that folder: {others}") from error
    except IsADirectoryError as error:
        raise UrdfError(f"{path}: is a folder; name the URDF file inside it") from error
    except ElementTree.ParseError as error:
        raise UrdfError(f"{path}: cannot be read as URDF: {error}; {_parse_remedy(data)}") from error
    except (OSError, ValueError, LookupError) as error:  # the others: an encoding that is not known
        reason = getattr(error, "strerror", None) or error
        raise UrdfError(f"{path}: cannot be read as URDF: {reason}") from error
    _refuse_xacro(root, path)
    namespace = root.tag[: root.tag.find("}") + 1]
    for element in root.iter():
        element.tag = element.tag.removeprefix(namespace)
    if root.tag != "robot":
        raise UrdfError(f"{path}: its outermost element is <{root.tag}>, not <robot>; name a URDF file")
    return root


def _parse_remedy(data: bytes) -> str:
    if not data.strip():
        return "the file is empty"
    if b"<xacro:" in data:
        return f"it is unprocessed xacro: {EXPAND}"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "it is not UTF-8 text: save it as UTF-8, or declare its encoding in the first line"
    return "correct that line"


def _refuse_xacro(root: ElementTree.Element, path: Path) -> None:
    """Macros may hide links and joints: a file with any of xacro's own elements or names is not read."""
    for element in root.iter():
        namespace, _, name = element.tag.rpartition("}")
        if "xacro" in namespace:
            raise UrdfError(f"{path}: holds <xacro:{name}>: it is unprocessed xacro; {EXPAND}")
        if "${" in element.get("name", ""):
            what = f"<{name} name='{element.get('name')}'>"
            raise UrdfError(f"{path}: holds {what}: it is unprocessed xacro; {EXPAND}")


def _joints_by_child(root: ElementTree.Element, path: Path) -> dict[str, ElementTree.Element]:
    """Every joint by its child link; the parent link is there as well."""
    by_child: dict[str, ElementTree.Element] = {}
    for joint in root.findall("joint"):
        name = joint.get("name", "")
        for end in ("parent", "child"):
            if link_of(joint, end) is None:
                raise UrdfError(f"{path}: joint '{name}' lacks <{end} link='...'/>; add it")
        child = str(link_of(joint, "child"))
        if child in by_child:
            other = by_child[child].get("name", "")
            raise UrdfError(f"{path}: link '{child}' is the child of joints '{other}' and '{name}'; remove one")
        by_child[child] = joint
    return by_child


def _climb(by_child: dict[str, ElementTree.Element], link: str, base: str) -> list[ElementTree.Element] | None:
    """The joints from a link up to a base; None where it is not above that link."""
    chain: list[ElementTree.Element] = []
    while link != base:
        if link not in by_child or len(chain) > len(by_child):  # the root is reached, or links go round in a circle
            return None
        chain.append(by_child[link])
        link = str(link_of(by_child[link], "parent"))
    return chain
