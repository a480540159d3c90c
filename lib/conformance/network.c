#include "conformance/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/thread.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0u /* matches none: nothing is seen */
#endif

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE (1UL << 0)
#endif

#ifdef SECCOMP_GET_NOTIF_SIZES

/* Half of an argument of a system call. */
#define ARGUMENT(index, half)                                                                      \
    ((uint32_t)(offsetof(struct seccomp_data, args) + (index) * sizeof(uint64_t) + (half)*4u))

/* connect(), and sendto() with an address, wait for the listener. -1: not possible here. */
static int install(void) {
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(4, 0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(4, 1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), (struct sock_filter *)code};
    if (ARCHITECTURE == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

/* Empty if it leads to no other process that counts. */
static void describe(const struct sockaddr_storage *address, size_t size,
                     struct network_contact *ret_contact) {
    char text[INET6_ADDRSTRLEN] = "";
    *ret_contact = (struct network_contact){0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        ret_contact->port = ntohs(in->sin_port);
        snprintf(ret_contact->where, NETWORK_TEXT, "%s:%d", text, ret_contact->port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
        ret_contact->port = ntohs(in->sin6_port);
        snprintf(ret_contact->where, NETWORK_TEXT, "[%s]:%d", text, ret_contact->port);
    } else if (address->ss_family == AF_UNIX && size > offsetof(struct sockaddr_un, sun_path)) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        const int length = (int)(size - offsetof(struct sockaddr_un, sun_path));
        if (un->sun_path[0] != '\0')
            snprintf(ret_contact->where, NETWORK_TEXT, "unix:%.*s", length, un->sun_path);
    }
}

static void note(struct network *network, const struct seccomp_notif *notice) {
    const int is_connect = notice->data.nr == SYS_connect;
    const uint64_t from = notice->data.args[is_connect ? 1 : 4];
    uint64_t size = notice->data.args[is_connect ? 2 : 5];
    struct sockaddr_storage address;
    memset(&address, 0, sizeof(address));
    if (size > sizeof(address))
        size = sizeof(address);
    const struct iovec here = {&address, size};
    const struct iovec there = {(void *)(uintptr_t)from, size}; /* NOLINT: of another process */
    if (process_vm_readv((pid_t)notice->pid, &here, 1, &there, 1, 0) <
        (ssize_t)sizeof(sa_family_t)) {
        network->blind = network->blind || errno == EPERM;
        return;
    }
    struct network_contact contact;
    describe(&address, size, &contact);
    snprintf(contact.method, sizeof(contact.method), "%s", board_method(network->board));
    if (contact.where[0] == '\0' || network->count == NETWORK_MAX)
        return;
    for (size_t i = 0; i < network->count; i++)
        if (strcmp(network->contacts[i].where, contact.where) == 0 &&
            strcmp(network->contacts[i].method, contact.method) == 0)
            return;
    network->contacts[network->count++] = contact;
}

static void *serve(void *argument) {
    struct network *network = argument;
    struct seccomp_notif_sizes sizes;
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
        return NULL;
    struct seccomp_notif *notice = calloc(1, sizes.seccomp_notif + sizeof(*notice));
    struct seccomp_notif_resp *answer = calloc(1, sizes.seccomp_notif_resp + sizeof(*answer));
    struct pollfd polled[2] = {{.fd = network->listener, .events = POLLIN},
                               {.fd = network->wake[0], .events = POLLIN}};
    while (notice != NULL && answer != NULL) {
        if (poll(polled, 2, -1) == -1 && errno != EINTR)
            break;
        if (polled[1].revents != 0 || (polled[0].revents & (POLLHUP | POLLERR)))
            break;
        if (!(polled[0].revents & POLLIN))
            continue;
        memset(notice, 0, sizes.seccomp_notif); /* the kernel insists */
        if (ioctl(network->listener, SECCOMP_IOCTL_NOTIF_RECV, notice) != 0)
            continue;
        note(network, notice);
        memset(answer, 0, sizes.seccomp_notif_resp);
        answer->id = notice->id;
        answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ioctl(network->listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
    }
    free(notice);
    free(answer);
    return NULL;
}

#else /* headers of a kernel before 5.0 */

static int install(void) {
    return -1;
}

static void *serve(void *argument) {
    return argument;
}

#endif

/* One byte, and perhaps a descriptor with it. */
union control {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
};

void network_offer(int channel) {
    const int listener = install();
    char byte = listener >= 0;
    struct iovec data = {&byte, 1};
    union control control;
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (listener >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &listener, sizeof(listener));
    }
    while (sendmsg(channel, &message, 0) == -1 && errno == EINTR)
        ;
    if (listener >= 0)
        close(listener);
}

static int receive(int channel) {
    char byte = 0;
    struct iovec data = {&byte, 1};
    union control control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t size;
    do
        size = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    while (size == -1 && errno == EINTR);
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (size != 1 || head == NULL || head->cmsg_type != SCM_RIGHTS)
        return -1;
    int listener;
    memcpy(&listener, CMSG_DATA(head), sizeof(listener));
    return listener;
}

int network_start(struct network *network, struct board *board, int channel) {
    *network = (struct network){.board = board, .listener = receive(channel), .wake = {-1, -1}};
    if (network->listener == -1)
        return -1;
    if (repli__spawn_pipe(&network->wake[0], &network->wake[1], NULL) == REPLI_OK &&
        repli__thread_start(&network->thread, "connections", serve, network, NULL) == REPLI_OK)
        return 0;
    repli__spawn_close(&network->wake[0]);
    repli__spawn_close(&network->wake[1]);
    repli__spawn_close(&network->listener);
    return -1;
}

void network_stop(struct network *network) {
    if (network->listener == -1)
        return;
    repli__spawn_close(&network->wake[1]);
    pthread_join(network->thread, NULL);
    repli__spawn_close(&network->wake[0]);
    repli__spawn_close(&network->listener);
}
