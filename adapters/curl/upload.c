/*
 * Whether a request is still on its way to the peer.  libcurl has written its
 * last byte long before the peer has it: megabytes may wait in this machine,
 * and the time until the answer's head begins when they have gone.
 */
#include <adapters/curl/driver.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif

#ifdef SIOCOUTQ
static bool socket_has_port(int fd, long port)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    if (address.ss_family == AF_INET) {
        memcpy(&in, &address, sizeof(in));
        return ntohs(in.sin_port) == port;
    }
    if (address.ss_family == AF_INET6) {
        memcpy(&in6, &address, sizeof(in6));
        return ntohs(in6.sin6_port) == port;
    }
    return false;
}

/*
 * The socket of a running transfer: CURLINFO_ACTIVESOCKET knows it only
 * afterwards, so it is the one of the session's that has this transfer's port.
 */
static int job_socket(const rwith_curl_job *job)
{
    fd_set sets[3];
    int fd_max = -1;
    long port = 0;

    for (size_t i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
    }
    if (curl_easy_getinfo(job->req.easy, CURLINFO_LOCAL_PORT, &port) !=
            CURLE_OK ||
        port == 0 ||
        curl_multi_fdset(job->session->multi, &sets[0], &sets[1], &sets[2],
                         &fd_max) != CURLM_OK) {
        return -1;
    }
    for (int fd = 0; fd <= fd_max; fd++) {
        if ((FD_ISSET(fd, &sets[0]) || FD_ISSET(fd, &sets[1])) &&
            socket_has_port(fd, port)) {
            return fd;
        }
    }
    return -1;
}

/* Bytes that the peer's system has not confirmed. */
static int job_unsent(const rwith_curl_job *job)
{
    int fd = job_socket(job);
    int unsent = 0;

    return fd >= 0 && ioctl(fd, SIOCOUTQ, &unsent) == 0 ? unsent : 0;
}
#else
/* Systems that do not tell: the last byte written is the last byte sent. */
static int job_unsent(const rwith_curl_job *job)
{
    (void)job;
    return 0;
}
#endif

bool rwith__curl_is_uploading(rwith_curl_job *job)
{
    curl_off_t uploaded = 0;
    int unsent;

    if (!job->has_body ||
        curl_easy_getinfo(job->req.easy, CURLINFO_SIZE_UPLOAD_T, &uploaded) !=
            CURLE_OK) {
        return false;
    }
    unsent = job_unsent(job);
    if (uploaded == job->uploaded && unsent == job->unsent) {
        return false;
    }
    job->uploaded = uploaded;
    job->unsent = unsent;
    return true;
}
