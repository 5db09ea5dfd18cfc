import pytest

from aloe_data.message_definition import definition_difference

HEADER = "builtin_interfaces/Time stamp # when\nstring frame_id\n"
ARM = "# One arm.\nuint8 HOLD=0\nuint8 source   # who\nfloat64[] executed\n"


def definition(arm: str = ARM, header: str = HEADER) -> str:
    rule = "=" * 80
    parts = ("std_msgs/Header header\nArmAction[] arms", f"MSG: a/ArmAction\n{arm}", f"MSG: std_msgs/Header\n{header}")
    return f"\n{rule}\n".join(parts)


def difference(arm: str = ARM, header: str = HEADER) -> str:
    return definition_difference("a/msg/Executed", definition(arm, header), definition())


@pytest.mark.parametrize(
    "arm",
    [
        ARM,
        ARM.replace("# who", "# who, in other words"),
        "uint8  HOLD = 0\r\n\r\nuint8 source\r\nfloat64[] executed",
    ],
)
def test_comments_and_spaces_make_no_difference(arm: str) -> None:
    assert difference(arm) == ""


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ("uint8 HOLD=0\nuint8 source\n", "a/ArmAction has now also float64[] executed"),
        (ARM + "string reason\n", "a/ArmAction has no longer string reason"),
        (ARM.replace("HOLD=0", "HOLD=3"), "a/ArmAction has now also uint8 HOLD=0 and no longer uint8 HOLD=3"),
        ("uint8 HOLD=0\nfloat64[] executed\nuint8 source\n", "a/ArmAction has its fields in another order"),
    ],
)
def test_what_differs_is_named_with_its_type(arm: str, expected: str) -> None:
    assert difference(arm) == expected


def test_a_sign_in_a_text_value_is_no_comment() -> None:
    assert "string NAME='a#b'" in difference("uint8 HOLD=0\nuint8 source\nfloat64[] executed\nstring NAME='a#b'\n")
