"""What Sealroom writes to people: short, English and Vietnamese, never a link, never a name.

A subject or body holds nothing that a caller chose (S-66): mail to a stranger's address must not
carry a stranger's words.
"""

from dataclasses import dataclass

from models.codes import Purpose
from protocol.limits import CODE_TTL_MS, MINUTE_MS

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
