"""What a recorder says of itself: losses of its own doing end motion, others do not."""

from aloe_data.recorder_health import STALL_S, STUCK_S, RecorderHealth


def watched(*looks: tuple[float, int, int, float]) -> list[str]:
    """Answers to looks at (now, missing, dropped, last progress of the writer)."""
    health = RecorderHealth()
    health.begin()
    return [health.look(now_s, missing, dropped, written_s, "") for now_s, missing, dropped, written_s in looks]


def test_a_stall_without_losses_and_losses_without_a_stall_end_nothing() -> None:
    assert watched((0.0, 0, 0, 0.0), (0.2, 0, 0, 0.1), (STALL_S + 1, 0, 0, STALL_S + 0.9)) == [""] * 3
    assert watched((0.0, 0, 0, 0.0), (0.2, 7, 0, 0.1), (0.4, 7, 0, 0.3)) == [""] * 3


def test_messages_that_were_lost_by_a_stall_end_motion_also_when_they_show_late() -> None:
    *_, at_once = watched((0.0, 0, 0, 0.0), (4.8, 1962, 0, 4.8))
    assert at_once == "stood still for 4.8 s and lost 1962 messages; has it the processor?"
    *_, before, late = watched((0.0, 0, 0, 0.0), (4.8, 0, 0, 4.8), (5.0, 30, 0, 5.0))
    assert before == "" and "stood still for 4.8 s and lost 30 messages" in late


def test_a_full_queue_a_stuck_disk_and_a_failure_end_motion_and_stay_said() -> None:
    assert "5 messages found no room" in watched((0.0, 0, 0, 0.0), (0.2, 0, 5, 0.1))[-1]
    looks = [(0.2 * i, 0, 0, 0.1) for i in range(20)]
    said = watched(*looks)
    assert said[9] == "" and "finished no write for 2 s" in said[-1]
    assert [bool(text) for text in said] == [now_s - 0.1 > STUCK_S for now_s, *_ in looks]
    health = RecorderHealth()
    assert health.look(0.0, 0, 0, 0.0, "the disk is full") == health.look(0.2, 0, 0, 0.2, "") == "the disk is full"
    health.begin()
    assert health.look(0.4, 0, 0, 0.4, "") == ""


def test_a_pause_between_two_recordings_is_no_stall() -> None:
    health = RecorderHealth()
    health.idle(0.0)
    health.idle(100.0)
    health.begin()
    assert health.look(100.2, 3, 0, 100.1, "") == ""
