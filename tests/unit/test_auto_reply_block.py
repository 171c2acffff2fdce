"""Who closes an address for automatic mail, for whom, and for how long (design, section 7, item 5 of the gate)."""

from pathlib import Path

from desk import TestDesk

IVAN, EVIL = "ivan@example.org", "evil@evil.example"
PROBLEM = "Не приходит код подтверждения на почту, жду уже час. Пробовал дважды, в папке «Спам» тоже пусто."


async def write(desk: TestDesk, number: int) -> int:
    """A letter with a subject of its own in Ivan's name; how many answers it had."""
    return len([one for one in await desk.send(IVAN, f"{PROBLEM} Это письмо {number}.", subject=f"Письмо {number}") if one.to == IVAN])


async def test_forged_letters_do_not_close_an_address_for_its_owner(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    assert [await write(desk, number) for number in range(24)] == [1, 1, 1, *[0] * 21]
    await desk.pass_time(minutes=20)
    desk.aligned.add(IVAN)  # from here on it is Ivan himself
    assert [await write(desk, number) for number in (50, 51)] == [1, 1]
    desk.aligned.clear()
    await desk.restart()
    assert await write(desk, 60) == 0


async def test_a_proved_robot_is_closed_for_all_its_letters(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path, aligned=(IVAN,))
    assert [await write(desk, number) for number in range(5)] == [1, 1, 1, 0, 0]
    await desk.pass_time(days=1)
    assert await write(desk, 9) == 0


async def test_only_quiet_days_open_the_latch(tmp_path: Path) -> None:
    desk = await TestDesk.opened(tmp_path)
    for number in range(4):
        await write(desk, number)
    for number in (10, 11, 12):
        await desk.pass_time(days=4)
        assert await write(desk, number) == 0
    await desk.pass_time(days=7, minutes=1)
    assert await write(desk, 20) == 1
