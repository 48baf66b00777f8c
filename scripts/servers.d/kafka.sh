# Kafka by itself (KRaft): `kafka` is one broker with every kind of listener, `kafka3` three that replicate.

kafka_version=${WALX_KAFKA_VERSION:-4.1.0}
kafka_cluster=MkU3OEVBNTcwNTJENDM2Qg

install_kafka() {
    need_java
    need openssl openssl
    need flock util-linux
    if [ -n "${KAFKA_HOME:-}" ]; then
        compgen -G "$KAFKA_HOME/libs/kafka-clients-*.jar" >/dev/null ||
            die "KAFKA_HOME=$KAFKA_HOME holds no Kafka: there is no libs/kafka-clients-*.jar"
        return
    fi
    [ -d "$cache/kafka-$kafka_version" ] || need mvn maven
    install_folder "kafka-$kafka_version" fetch_kafka
}

fetch_kafka() {
    cat >"$1/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>walx</groupId><artifactId>servers</artifactId><version>1</version>
  <dependencies>
$(dependency org.apache.kafka kafka_2.13 "$kafka_version")
$(dependency org.apache.kafka kafka-tools "$kafka_version")
$(dependency org.slf4j slf4j-simple 1.7.36)
  </dependencies>
</project>
POM
    quietly mvn -q -B -ntp -f "$1/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$1/libs" -DincludeScope=runtime
    # Before 4.0: it would take the log and print none.
    rm -f "$1"/libs/slf4j-reload4j-*.jar
}

dependency() {
    echo "    <dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"
}

kafka_java() {
    local home=${KAFKA_HOME:-$cache/kafka-$kafka_version} logging=()
    if [ -e "$home/config/log4j2.yaml" ]; then
        logging=("-Dlog4j2.configurationFile=$home/config/log4j2.yaml" "-Dkafka.logs.dir=$PWD/log4j")
    elif [ -e "$home/config/log4j.properties" ]; then
        logging=("-Dlog4j.configuration=file:$home/config/log4j.properties" "-Dkafka.logs.dir=$PWD/log4j")
    else
        logging=(-Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.showThreadName=false
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
    fi
    exec setsid "$java" -XX:+UseSerialGC -Djava.awt.headless=true "${logging[@]}" -cp "$home/libs/*" "$@"
}

run_kafka() {
    local all=(-Xms96m -XX:MaxDirectMemorySize=256m)
    if [ "$1" = kafka ]; then
        kafka_java "${all[@]}" "-Xmx${WALX_KAFKA_HEAP:-512m}" kafka.Kafka server.properties
    else
        # Without the second compiler: half the processor time of a start, and speed is not what they are for.
        kafka_java "${all[@]}" "-Xmx${WALX_KAFKA3_HEAP:-320m}" -XX:TieredStopAtLevel=1 kafka.Kafka server.properties
    fi
}

prepare_kafka() {
    local process
    for process in $(processes "$1"); do
        if [ "$process" = kafka ]; then
            give_ports kafka controller plain proxied proxy tls mtls sasl
            make_secrets "$run/kafka"
        else
            give_ports "$process" controller plain proxied proxy
        fi
    done
    for process in $(processes "$1"); do
        alive "$process" || kafka_settings "$process" >"$run/$process/server.properties"
    done
    local formats=()
    for process in $(processes "$1"); do
        [ ! -d "$run/$process/data" ] || continue
        format_kafka "$process" &
        formats+=($!)
    done
    [ ${#formats[@]} = 0 ] || wait "${formats[@]}" || true
    for process in $(processes "$1"); do
        [ -d "$run/$process/data" ] || died "$process" "can't format its data"
    done
}

# Formats under another name, so that an interrupted format isn't taken for a broker's data.
format_kafka() (
    cd "$run/$1"
    rm -rf data.new
    sed "s,^log.dirs=.*,log.dirs=$run/$1/data.new," server.properties >format.properties
    users=()
    if [ "$1" = kafka ]; then
        for name in user guest; do
            password=$(cat secrets/"$([ "$name" = user ] || echo guest-)password")
            for kind in SCRAM-SHA-256 SCRAM-SHA-512; do
                users+=(--add-scram "$kind=[name=walx-$name,password=$password]")
            done
        done
    fi
    (kafka_java -Xmx128m -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format -t "$kafka_cluster" \
        -c format.properties "${users[@]}") 9>&- </dev/null >>log 2>&1
    rm format.properties
    mv -T data.new data
)

# Settings of one broker. Rolling times are short, so that tests of what happens after a time-out are quick.
kafka_settings() {
    local process=$1 dir=$run/$1 id=1 copies=1 voters=1@127.0.0.1 one names=PLAIN,PROXIED
    if [ "$process" = kafka ]; then
        voters=1@127.0.0.1:$(port kafka controller)
        names+=,TLS,MTLS,SASL
    else
        id=${process#*-} copies=3 voters=
        for one in 1 2 3; do voters+=${voters:+,}$one@127.0.0.1:$(port "kafka3-$one" controller); done
    fi
    local listeners="CONTROLLER://127.0.0.1:$(port "$process" controller)" advertised="" name lower
    for name in ${names//,/ }; do
        lower=${name,,}
        listeners+=,$name://127.0.0.1:$(port "$process" "$lower")
        [ "$lower" != proxied ] || lower=proxy
        advertised+=${advertised:+,}$name://127.0.0.1:$(port "$process" "$lower")
    done
    cat <<SETTINGS
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listeners=$listeners
advertised.listeners=$advertised
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,PROXIED:PLAINTEXT,TLS:SSL,MTLS:SSL,SASL:SASL_SSL
log.dirs=$dir/data
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$(((copies + 1) / 2))
unclean.leader.election.enable=false
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$(((copies + 1) / 2))
transaction.state.log.num.partitions=2
transaction.state.log.segment.bytes=16777216
transaction.partition.verification.enable=true
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
file.delete.delay.ms=1000
num.network.threads=2
num.io.threads=4
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=8388608
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:walx-user;User:CN=walx-client
SETTINGS
    [ "$process" != kafka ] || kafka_security "$dir"
}

# walx-user and walx-client may do everything, walx-guest nothing.
kafka_security() {
    local secrets=$1/secrets common=org.apache.kafka.common.security kind users
    users="user_walx-user=\"$(cat "$secrets/password")\" user_walx-guest=\"$(cat "$secrets/guest-password")\""
    cat <<SETTINGS
ssl.keystore.type=PEM
ssl.keystore.location=$1/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/ca.pem
ssl.client.auth=none
listener.name.mtls.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=$common.plain.PlainLoginModule required $users;
SETTINGS
    for kind in scram-sha-256 scram-sha-512; do
        echo "listener.name.sasl.$kind.sasl.jaas.config=$common.scram.ScramLoginModule required;"
    done
}

# Ready: each broker answers a Metadata request and lists as many brokers as run here. It lists those that the controller
# has registered and unfenced, so that a topic can be made. And it gives out producer ids, and knows a coordinator of
# transactions: both begin when they are first asked for.
ready_kafka() {
    local process port running=0
    for process in $(processes "$(server "$1")"); do
        ! alive "$process" || paused "$process" || running=$((running + 1))
    done
    for process in $(processes "$1"); do
        port=$(port "$process" plain)
        [ "$(brokers_seen "$port")" = "$running" ] || return 1
        [ "$(coordinator_error "$port")$(producer_error "$port")" = 00 ] || return 1
    done
}

# The number of brokers in the answer to a Metadata request, version 1, for no topic; it follows length and correlation.
brokers_seen() { ask "$1" '\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\xff\xff\0\0\0\0' 11; }

# The error in the answer to a FindCoordinator request, version 1, for the transactional id `walx`; it follows length,
# correlation and throttle time.
coordinator_error() { ask "$1" '\0\0\0\x11\0\x0a\0\x01\0\0\0\x01\xff\xff\0\x04walx\x01' 13; }

# The error in the answer to an InitProducerId request, version 0, without a transactional id; it follows the same.
producer_error() { ask "$1" '\0\0\0\x10\0\x16\0\0\0\0\0\x01\xff\xff\xff\xff\0\0\xea\x60' 13; }

# ask PORT REQUEST N: byte N of the answer, the first being 0.
ask() {
    # shellcheck disable=SC2016
    timeout 2 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf "$2" >&3
        head -c $(($3 + 1)) <&3 | od -An -tu1 "-j$3"' ask "$@" 2>/dev/null | tr -d ' '
}

env_kafka() {
    echo "export WALX_KAFKA=127.0.0.1:$(port kafka plain)"
    echo "export WALX_KAFKA_PROXIED=127.0.0.1:$(port kafka proxy),127.0.0.1:$(port kafka proxied)"
    echo "export WALX_KAFKA_TLS=127.0.0.1:$(port kafka tls)"
    echo "export WALX_KAFKA_MTLS=127.0.0.1:$(port kafka mtls)"
    echo "export WALX_KAFKA_SASL=127.0.0.1:$(port kafka sasl)"
    echo "export WALX_KAFKA_SECRETS=$run/kafka/secrets"
}

env_kafka3() {
    local process plain="" proxied=""
    for process in $(processes kafka3); do
        plain+=${plain:+,}127.0.0.1:$(port "$process" plain)
        proxied+=${proxied:+,}127.0.0.1:$(port "$process" proxy),127.0.0.1:$(port "$process" proxied)
    done
    echo "export WALX_KAFKA3=$plain"
    echo "export WALX_KAFKA3_PROXIED=$proxied"
}
