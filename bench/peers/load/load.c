// The C program of the comparison. It has three modes:
//   load client PORT CONNS SECS WARM : the client of every server of tcp_echo: an epoll loop that
//                                      has one 64-byte request under way on each connection
//   load server                      : a bare epoll echo server (the floor for tcp_echo)
//   load feed N                      : writes N+1 single bytes to stdout (a pipe)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MSG = 64, MAXC = 4096, EV = 512 };

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *m) { perror(m); exit(1); }

/* log-linear histogram: 32 sub-buckets per power of two, ns */
static uint64_t hist[64 * 32];
static unsigned bucket(uint64_t v) {
    if (v < 32) return (unsigned)v;
    unsigned e = 63 - __builtin_clzll(v);
    return (e - 4) * 32 + (unsigned)((v >> (e - 5)) & 31);
}
static double bucket_val(unsigned b) {
    if (b < 32) return b;
    unsigned e = b / 32 + 4;
    return (double)(((uint64_t)32 + (b & 31)) << (e - 5)) + (double)(1ull << (e - 5)) / 2;
}
static double quant(double q, uint64_t tot) {
    uint64_t want = (uint64_t)(q * (double)tot), acc = 0;
    for (unsigned i = 0; i < 64 * 32; i++) {
        acc += hist[i];
        if (acc > want) return bucket_val(i);
    }
    return -1;
}

struct conn { int fd; unsigned got; uint64_t sent, seq; };
static struct conn cs[MAXC];

static void fire(struct conn *c, uint64_t t) {
    unsigned char m[MSG];
    c->seq++;
    memset(m, (int)(c->seq & 255), MSG);
    memcpy(m, &c->seq, 8);
    c->got = 0;
    c->sent = t;
    if (write(c->fd, m, MSG) != MSG) die("write");
}

static int client(int port, int conns, double secs, double warm) {
    int ep = epoll_create1(0);
    for (int i = 0; i < conns; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, (void *)&a, sizeof a)) die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        cs[i].fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
    usleep(50000);
    uint64_t t0 = now(), tw = t0 + (uint64_t)(warm * 1e9), te = tw + (uint64_t)(secs * 1e9), tot = 0, all = 0, t = t0;
    for (int i = 0; i < conns; i++) fire(&cs[i], now());
    struct epoll_event ev[EV];
    while (t < te) {
        int n = epoll_wait(ep, ev, EV, 5000);
        if (n == 0) { fprintf(stderr, "STALL\n"); return 4; }
        for (int k = 0; k < n; k++) {
            struct conn *c = &cs[ev[k].data.u32];
            unsigned char m[MSG];
            ssize_t r = read(c->fd, m, MSG - c->got);
            if (r <= 0) { if (r < 0 && errno == EAGAIN) continue; fprintf(stderr, "conn lost\n"); return 5; }
            if (c->got == 0 && r == MSG) {
                uint64_t s;
                memcpy(&s, m, 8);
                if (s != c->seq || m[63] != (c->seq & 255)) { fprintf(stderr, "wrong echo\n"); return 3; }
            }
            c->got += (unsigned)r;
            if (c->got < MSG) continue;
            t = now();
            all++;
            if (t >= tw && t < te) { hist[bucket(t - c->sent)]++; tot++; }
            fire(c, t);
        }
    }
    printf("workload=tcp_echo n=%d ns=%.3f answered=%llu per_second=%.0f p50_us=%.3f p99_us=%.3f\n", conns,
           secs * 1e9 / (double)(tot ? tot : 1), (unsigned long long)all, (double)tot / secs, quant(.5, tot) / 1e3, quant(.99, tot) / 1e3);
    return 0;
}

_Noreturn static void server(void) {
    int ep = epoll_create1(0), l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t al = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(l, (void *)&a, sizeof a) || listen(l, 1024)) die("listen");
    getsockname(l, (void *)&a, &al);
    printf("LISTENING %d\n", ntohs(a.sin_port));
    fflush(stdout);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = l}, ev[EV];
    epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
    for (;;) {
        int n = epoll_wait(ep, ev, EV, -1);
        for (int k = 0; k < n; k++) {
            int fd = ev[k].data.fd;
            if (fd == l) {
                int c, one = 1;
                while ((c = accept4(l, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    struct epoll_event ne = {.events = EPOLLIN, .data.fd = c};
                    epoll_ctl(ep, EPOLL_CTL_ADD, c, &ne);
                }
                continue;
            }
            char m[MSG];
            ssize_t r = read(fd, m, MSG);
            if (r > 0) { if (write(fd, m, (size_t)r) != r) close(fd); }
            else if (r == 0 || errno != EAGAIN) close(fd);
        }
    }
}

int main(int c, char **v) {
    if (c == 6 && !strcmp(v[1], "client")) return client(atoi(v[2]), atoi(v[3]), atof(v[4]), atof(v[5]));
    if (c == 2 && !strcmp(v[1], "server")) server();
    if (c == 3 && !strcmp(v[1], "feed")) {
        fcntl(1, F_SETPIPE_SZ, 4096);
        for (long n = atol(v[2]); n >= 0; n--) /* N+1: the first byte is the start signal */
            if (write(1, "x", 1) != 1) return 1;
        return 0;
    }
    return 2;
}
