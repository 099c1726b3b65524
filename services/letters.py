"""What Sealroom writes to people: short, English and Vietnamese, never a name.

A subject or body holds nothing that a caller chose (S-66): mail to a stranger's address must not
carry a stranger's words. The one address in it is the operator's own (S-16).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from models.codes import Purpose
from protocol.limits import CODE_TTL_MS, MINUTE_MS, SECOND_MS

_MINUTES = CODE_TTL_MS // MINUTE_MS


@dataclass(frozen=True, slots=True)
class Letter:
    """One plain-text mail."""

    subject: str
    body: str


_WHY: dict[Purpose, tuple[str, str]] = {
    "verify": ("to create your account", "để tạo tài khoản"),
    "login": ("to log in on a new device", "để đăng nhập trên thiết bị mới"),
    "reset": ("to choose a new password", "để đặt mật khẩu mới"),
}


def code(purpose: Purpose, digits: str) -> Letter:
    """Return the mail that carries a code."""
    english, vietnamese = _WHY[purpose]
    return Letter(
        f"Sealroom: {digits}",
        f"{digits} is your Sealroom code {english}.\n"
        f"It works once, for {_MINUTES} minutes. If you did not ask for it, ignore this mail.\n"
        "Nobody from Sealroom will ever ask you for it.\n\n"
        f"{digits} là mã Sealroom của bạn {vietnamese}.\n"
        f"Mã dùng được một lần, trong {_MINUTES} phút. Nếu bạn không yêu cầu, hãy bỏ qua thư này.\n"
        "Không ai từ Sealroom hỏi bạn mã này.\n",
    )


def known_address() -> Letter:
    """Return the mail for an address that is registered again."""
    return Letter(
        "Sealroom: this address already has an account",
        "Someone, perhaps you, wanted to create a Sealroom account with this address.\n"
        "It has one already: log in, or choose “Forgot password”. If it was not you, ignore this"
        " mail; nothing has changed.\n\n"
        "Ai đó, có thể là bạn, muốn tạo tài khoản Sealroom bằng địa chỉ này.\n"
        "Địa chỉ đã có tài khoản: hãy đăng nhập, hoặc chọn “Quên mật khẩu”. Nếu không phải bạn, hãy"
        " bỏ qua thư này; không có gì thay đổi.\n",
    )


def password_changed() -> Letter:
    """Return the mail that tells of a new password (S-08)."""
    return Letter(
        "Sealroom: your password was changed",
        "The password of your Sealroom account was changed, and other devices were logged out.\n"
        "If it was not you, choose “Forgot password” at once.\n\n"
        "Mật khẩu tài khoản Sealroom của bạn đã được thay đổi, các thiết bị khác đã bị đăng xuất.\n"
        "Nếu không phải bạn, hãy chọn “Quên mật khẩu” ngay.\n",
    )


def transfer(public_url: str, expires_ms: int) -> Letter:
    """Return the mail that tells of files for somebody who has an account (S3-6).

    Args:
        public_url: the origin that people open; empty when the operator has named none
    """
    day = _day(expires_ms)
    return Letter(
        "Sealroom: files for you",
        f"Somebody has sent you files, which are here until {day} (UTC).\n"
        f"Open Sealroom and look under Files, Received, to see who it was.{_place(public_url)}\n\n"
        f"Có người gửi tệp cho bạn; tệp được giữ đến {day} (UTC).\n"
        f"Hãy mở Sealroom và xem ở mục Tệp, Đã nhận, để biết ai đã gửi.{_place(public_url)}\n",
    )


def invitation(public_url: str, expires_ms: int) -> Letter:
    """Return the mail that tells of files for an address without an account (S3-25)."""
    day = _day(expires_ms)
    return Letter(
        "Sealroom: files for you",
        f"Somebody has sent files to this address, which are here until {day} (UTC).\n"
        "They are encrypted: open the link that the sender gives you by another way, or create a"
        " Sealroom account with this address and find them under Files, Received."
        f"{_place(public_url)}\n"
        "If you expect nothing from anybody, ignore this mail.\n\n"
        f"Có người gửi tệp tới địa chỉ này; tệp được giữ đến {day} (UTC).\n"
        "Tệp đã được mã hóa: hãy mở liên kết mà người gửi đưa cho bạn bằng cách khác, hoặc tạo tài"
        " khoản Sealroom bằng địa chỉ này và xem ở mục Tệp, Đã nhận."
        f"{_place(public_url)}\n"
        "Nếu bạn không chờ tệp của ai, hãy bỏ qua thư này.\n",
    )


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M")


def _place(public_url: str) -> str:
    return f"\n{public_url}/" if public_url else ""
