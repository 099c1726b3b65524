#!/bin/sh
# See that a program the checks need is here: tools/system_packages.sh node|browsers
# Browsers are installed by apt where we are root; otherwise one sentence says what to install.
set -eu

case $1 in
node)
    command -v npm >/dev/null 2>&1 &&
        node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
        {
            echo "The checks need Node.js 20.19 or newer with npm: install it from your system or from nodejs.org." >&2
            exit 1
        }
    ;;
browsers)
    # Firefox, and WebKit with the screen it draws on, run beside Chromium.
    packages="chromium firefox-esr webkit2gtk-driver xvfb fonts-liberation fonts-noto-color-emoji"
    missing=
    for program in /usr/bin/chromium WebKitWebDriver Xvfb; do
        command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
    done
    command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox"
    [ -z "$missing" ] && exit 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends $packages
    else
        echo "The browser tests need$missing: as root, apt-get install $packages." >&2
        exit 1
    fi
    ;;
esac
