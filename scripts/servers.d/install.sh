# What servers need on the machine. A folder in the cache is whole or absent: it is made under another name and renamed.

# Whether this run has asked for the lists of packages.
updated=

# need TOOL PACKAGE: by apt where the tool is missing.
need() {
    command -v "$1" >/dev/null || apt_install "$2"
}

apt_install() {
    command -v apt-get >/dev/null || die "$* is missing, and there is no apt-get to install it; install it by hand"
    local as=()
    [ "$(id -u)" = 0 ] || as=(sudo)
    echo "scripts/servers: installing $*" >&2
    [ -n "$updated" ] || quietly "${as[@]}" apt-get update
    updated=yes
    quietly "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Runs a command whose output matters only when it fails.
quietly() {
    local said
    said=$("$@" 2>&1 </dev/null) || die "this doesn't work: $*
$said"
}

need_java() {
    find_java && return
    apt_install default-jre-headless
    find_java || die "the system's Java is older than 17; install a newer one and name it: JAVA_HOME=DIR"
}

# Sets `java`, if there is one that is new enough.
find_java() {
    java=${JAVA_HOME:+$JAVA_HOME/bin/java}
    [ -n "$java" ] || java=$(command -v java) || return 1
    local version
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ]
}

# install_folder NAME COMMAND...: calls COMMAND with an empty folder to fill, unless the cache holds the finished one.
install_folder() {
    local name=$1 folder=$cache/$1
    shift
    [ ! -d "$folder" ] || return 0
    exec 8>"$cache/install.lock"
    flock -w 900 8 || die "another command installs into $cache since 15 minutes"
    if [ ! -d "$folder" ]; then
        rm -rf "$folder".partial
        mkdir -p "$folder".partial
        echo "scripts/servers: fetching $name into $cache" >&2
        "$@" "$folder.partial"
        mv -T "$folder.partial" "$folder"
    fi
    exec 8>&-
}
