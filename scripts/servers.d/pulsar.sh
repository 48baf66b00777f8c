# Pulsar as one process, broker, bookie and metadata store in one.

pulsar_version=4.0.6

install_pulsar() {
    need_java
    need curl curl
    [ -d "$cache/pulsar-$pulsar_version" ] || need mvn maven
    install_folder "pulsar-$pulsar_version" fetch_pulsar
}

fetch_pulsar() {
    local part=pulsar-server-distribution
    quietly mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$1" \
        -Dartifact="org.apache.pulsar:$part:$pulsar_version:tar.gz:bin"
    tar -xzf "$1/$part-$pulsar_version-bin.tar.gz" -C "$1" --strip-components=1
    rm "$1/$part-$pulsar_version-bin.tar.gz"
}

prepare_pulsar() {
    give_ports pulsar plain http bookie
    local dir=$run/pulsar setting
    mkdir -p "$dir/log4j"
    local settings=(
        bindAddress=127.0.0.1
        advertisedAddress=127.0.0.1
        "brokerServicePort=$(port pulsar plain)"
        "webServicePort=$(port pulsar http)"
        allowAutoTopicCreationType=non-partitioned
        topicLevelPoliciesEnabled=true
        systemTopicEnabled=true
        brokerDeleteInactiveTopicsEnabled=false
        listeningInterface=lo
        allowLoopback=true
        allowEphemeralPorts=true
        numIOThreads=2
        numHttpServerThreads=8
    )
    cp "$cache/pulsar-$pulsar_version/conf/standalone.conf" "$dir/standalone.conf"
    for setting in "${settings[@]}"; do sed -i "/^${setting%%=*}=/d" "$dir/standalone.conf"; done
    # The shipped file doesn't end with a newline.
    printf '\n' >>"$dir/standalone.conf"
    printf '%s\n' "${settings[@]}" >>"$dir/standalone.conf"
}

run_pulsar() {
    export PULSAR_STANDALONE_CONF=$PWD/standalone.conf PULSAR_LOG_DIR=$PWD/log4j PULSAR_STANDALONE_USE_ZOOKEEPER=
    export PULSAR_MEM="-Xms128m -Xmx${WALX_PULSAR_HEAP:-768m} -XX:MaxDirectMemorySize=768m" PULSAR_GC=-XX:+UseSerialGC
    exec setsid "$cache/pulsar-$pulsar_version/bin/pulsar" standalone -nss -nfw --metadata-dir "$PWD/metadata" \
        --bookkeeper-dir "$PWD/bookkeeper" --bookkeeper-port "$(port pulsar bookie)" -a 127.0.0.1
}

# Ready: the broker's own check, which sends a message through a topic.
ready_pulsar() {
    [ "$(curl -s -m 5 "http://127.0.0.1:$(port pulsar http)/admin/v2/brokers/health")" = ok ]
}

env_pulsar() {
    echo "export WALX_PULSAR=127.0.0.1:$(port pulsar plain)"
    echo "export WALX_PULSAR_HTTP=127.0.0.1:$(port pulsar http)"
}
