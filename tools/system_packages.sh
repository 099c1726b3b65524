#!/bin/sh
# See that a program the checks need is here: tools/system_packages.sh node|browser
# The browser is installed by apt where we are root; otherwise one sentence says what to install.
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
browser)
    [ -x /usr/bin/chromium ] && exit 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends chromium fonts-liberation fonts-noto-color-emoji
    else
        echo "The browser tests need /usr/bin/chromium: as root, apt-get install chromium fonts-liberation fonts-noto-color-emoji." >&2
        exit 1
    fi
    ;;
esac
