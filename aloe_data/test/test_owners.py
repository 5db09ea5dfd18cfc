from aloe_data.owners import Owners

CONTROL, PLAYER = {b"1": "control_node"}, {b"2": "rosbag2_player"}
TOPIC = "/executed_action"


def test_the_publisher_that_was_there_alone_owns_the_topic_and_another_is_named_once() -> None:
    owners = Owners()
    assert owners.look(TOPIC, {}) == owners.look(TOPIC, CONTROL) == []
    assert owners.look(TOPIC, CONTROL | PLAYER) == ["rosbag2_player"]
    assert owners.look(TOPIC, CONTROL | PLAYER) == []
    assert owners.strangers == {TOPIC: ["rosbag2_player"]}


def test_a_stranger_is_named_as_soon_as_its_name_is_known() -> None:
    owners = Owners()
    owners.look(TOPIC, {b"1": ""})
    assert owners.look(TOPIC, {b"1": "control_node", b"2": ""}) == []
    assert owners.look(TOPIC, CONTROL | PLAYER) == ["rosbag2_player"]


def test_a_stranger_that_left_stays_with_the_recording_that_it_spoilt() -> None:
    owners = Owners()
    for publishers in (CONTROL, CONTROL | PLAYER, CONTROL):
        owners.look(TOPIC, publishers)
    assert owners.strangers == {TOPIC: ["rosbag2_player"]}
    owners.begin()
    assert owners.strangers == {}


def test_one_that_is_still_there_belongs_to_the_next_recording_too() -> None:
    owners = Owners()
    for publishers in (CONTROL, CONTROL | PLAYER):
        owners.look(TOPIC, publishers)
    owners.begin()
    assert owners.strangers == {TOPIC: ["rosbag2_player"]}


def test_where_two_were_there_from_the_beginning_both_are_named() -> None:
    assert Owners().look(TOPIC, CONTROL | PLAYER) == ["control_node", "rosbag2_player"]


def test_an_owner_that_starts_again_is_no_stranger_but_a_second_one_of_the_same_name_is() -> None:
    owners = Owners()
    owners.look(TOPIC, CONTROL)
    assert owners.look(TOPIC, {b"3": "control_node"}) == []
    assert owners.look(TOPIC, {b"3": "control_node", b"4": "control_node"}) == ["control_node"]
