/*
 * gate_log.c: the formats of a gate's log.  None has the query of a target
 * or a value of a request: they may be secrets.
 */
#define _GNU_SOURCE

#include <launch/gate.h>

#include <launch/say.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The fields of the extended format, named as IIS names them.  A value with a
 * space in it would have plus signs there; none of these can have one.
 */
#define W3C_FIELDS                                                             \
    "date time s-ip s-port c-ip cs-method cs-uri-stem cs-version cs-host "     \
    "sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"

static const char path_map[] =
    "    map $request_uri $retrywith_path {\n"
    "        default -;\n"
    "        \"~^(?<retrywith_before>[^?]+)\" $retrywith_before;\n"
    "    }\n";

static const char common_format[] =
    "    log_format retrywith '$remote_addr - - [$time_local] '\n"
    "        '\"$request_method $retrywith_path $server_protocol\" '\n"
    "        '$status $body_bytes_sent';\n";

static const char json_format[] =
    "    log_format retrywith escape=json\n"
    "        '{\"time\":\"$time_iso8601\",\"client\":\"$remote_addr\",'\n"
    "        '\"method\":\"$request_method\",\"path\":\"$retrywith_path\",'\n"
    "        '\"status\":$status,\"substatus\":$retry_with_substatus,'\n"
    "        '\"verdict\":\"$retry_with_verdict\",'\n"
    "        '\"missing\":\"$retry_with_missing\",'\n"
    "        '\"bytes\":$body_bytes_sent,\"seconds\":$request_time}';\n";

/* Date and time are UTC there (the process runs in that zone), and the time
 * taken in milliseconds. */
static const char w3c_format[] =
    "    map $host $retrywith_host {\n"
    "        default $host;\n"
    "        \"\" -;\n"
    "    }\n"
    "    map $time_iso8601 $retrywith_date {\n"
    "        \"~^(?<retrywith_day>[^T]*)T\" $retrywith_day;\n"
    "    }\n"
    "    map $time_iso8601 $retrywith_clock {\n"
    "        \"~T(?<retrywith_hms>[0-9:]*)\" $retrywith_hms;\n"
    "    }\n"
    "    map $request_time $retrywith_ms {\n"
    "        \"~^0\\.0*(?<retrywith_f>[0-9]+)$\" $retrywith_f;\n"
    "        \"~^(?<retrywith_s>[0-9]+)\\.(?<retrywith_t>[0-9]+)$\"\n"
    "            $retrywith_s$retrywith_t;\n"
    "    }\n"
    "    log_format retrywith '$retrywith_date $retrywith_clock '\n"
    "        '$server_addr $server_port $remote_addr $request_method '\n"
    "        '$retrywith_path $server_protocol $retrywith_host $status '\n"
    "        '$retry_with_substatus 0 $bytes_sent $request_length '\n"
    "        '$retrywith_ms';\n";

static bool is_w3c(const rwith_gate *gate)
{
    return strcmp(gate->log_format, "w3c") == 0;
}

void rwith_gate_put_log(const rwith_gate *gate, rwith_conf *conf)
{
    const char *format =
        strcmp(gate->log_format, "json") == 0 ? json_format : common_format;

    if (gate->front.log == NULL) {
        rwith_conf_put(conf, "    access_log off;\n");
        return;
    }
    rwith_conf_put(conf, "%r%r    access_log %p retrywith;\n", path_map,
                   is_w3c(gate) ? w3c_format : format, gate->front.log);
}

int rwith_gate_begin_log(const rwith_gate *gate)
{
    static const char head[] = "#Software: retrywith " RWITH_VERSION "\n"
                               "#Version: 1.0\n"
                               "#Fields: " W3C_FIELDS "\n";
    size_t len = sizeof(head) - 1;

    if (gate->front.log == NULL || !is_w3c(gate)) {
        return 0;
    }
    int fd =
        open(gate->front.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        rwith_say("RW0203: --log %s cannot be written: %s", gate->front.log,
                  strerror(errno));
        return RWITH_LAUNCH_FILE;
    }
    /* A log of before may have had other fields. */
    bool is_written = write(fd, head, len) == (ssize_t)len;
    close(fd);
    if (!is_written) {
        rwith_say("RW0204: --log %s cannot be written: %s", gate->front.log,
                  strerror(errno));
    }
    return is_written ? 0 : RWITH_LAUNCH_FILE;
}
