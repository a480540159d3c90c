/*
 * The smallest store that can be stopped, hung, restarted and written to: what the drivers beside
 * it are for. It is a directory and, while it runs, a process.
 *
 *   store start DIRECTORY     run on DIRECTORY; returns once it answers
 *   store stop DIRECTORY      returns once its process is gone
 *   store hang DIRECTORY      it keeps its connections and answers nobody
 *   store resume DIRECTORY    undoes hang
 *   store write DIRECTORY     add an entry
 *
 * A client connects to DIRECTORY/socket, sends the line "PASSWORD QUESTION [KEY]" and gets a line
 * back, after which the connection is closed:
 *
 *   status        ok
 *   cluster       ok ID              the same as long as the directory lives
 *   run           ok ID              a new one each time that it starts
 *   offsets       ok OFFSET COPIED   bytes written, and how many of them its copy has
 *   has KEY       ok yes, ok no      is there an entry of that key?
 *   put KEY       ok, exists         add one
 *   write         ok                 add an entry without a key
 *   found         ok                 become a new cluster
 *   anything else is answered by "denied" if the password is not "secret", and by "what".
 *
 * DIRECTORY/version has the version of the store, be it running or not. A store whose directory has
 * a file "owner" ends when nobody holds a lock on that any more: tests leave nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_SIZE = 256, ID_SIZE = 17, PAUSE_MS = 2, PATIENCE_MS = 30000, KEEPER_MS = 100 };

struct store {
    char cluster[ID_SIZE], run[ID_SIZE];
    FILE *journal; /* an entry a line */
    long offset, copied;
};

static int fail(const char *what) {
    fprintf(stderr, "store: cannot %s: %s\n", what, strerror(errno));
    return 1;
}

static void pause_ms(int ms) {
    poll(NULL, 0, ms);
}

/* The process that holds the lock on a file of the directory; 0 if none does. */
static pid_t holder(const char *name) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd == -1)
        return 0;
    const int known = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return known ? lock.l_pid : 0;
}

/* Wait until the store runs, or does not. */
static int await(int running) {
    for (int ms = 0; ms < PATIENCE_MS; ms += PAUSE_MS) {
        if ((holder("lock") != 0) == running)
            return 0;
        pause_ms(PAUSE_MS);
    }
    errno = ETIMEDOUT;
    return fail(running ? "start" : "stop");
}

static void make_id(char id[ID_SIZE]) {
    unsigned long long number = 0;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        exit(fail("make an id"));
    snprintf(id, ID_SIZE, "%016llx", number);
}

/* Answering. */

static int has(struct store *store, const char *key) {
    char line[LINE_SIZE];
    rewind(store->journal);
    while (fgets(line, sizeof(line), store->journal) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, key) == 0)
            return 1;
    }
    return 0;
}

/* The copy is one entry behind. */
static void append(struct store *store, const char *key) {
    fseek(store->journal, 0, SEEK_END);
    fprintf(store->journal, "%s\n", key);
    fflush(store->journal);
    store->copied = store->offset;
    store->offset = ftell(store->journal);
}

static const char *put(struct store *store, const char *key) {
    if (has(store, key))
        return "exists";
    append(store, key);
    return "ok";
}

static const char *found(struct store *store) {
    FILE *file = fopen("cluster", "we");
    make_id(store->cluster);
    if (file == NULL || fputs(store->cluster, file) == EOF || fclose(file) != 0)
        return "what";
    return "ok";
}

static void answer(struct store *store, const char *question, char *line, size_t size) {
    const char *text = "what";
    if (strncmp(question, "secret ", 7) != 0)
        text = "denied";
    else if (strcmp(question += 7, "status") == 0)
        text = "ok";
    else if (strncmp(question, "has ", 4) == 0)
        text = has(store, question + 4) ? "ok yes" : "ok no";
    else if (strncmp(question, "put ", 4) == 0)
        text = put(store, question + 4);
    else if (strcmp(question, "write") == 0)
        append(store, "-"), text = "ok";
    else if (strcmp(question, "found") == 0)
        text = found(store);
    snprintf(line, size, "%s\n", text);
    if (strcmp(question, "cluster") == 0)
        snprintf(line, size, "ok %s\n", store->cluster);
    else if (strcmp(question, "run") == 0)
        snprintf(line, size, "ok %s\n", store->run);
    else if (strcmp(question, "offsets") == 0)
        snprintf(line, size, "ok %ld %ld\n", store->offset, store->copied);
}

/* A client that sends nothing, or no whole line, is left. */
static void serve(struct store *store, int client) {
    struct pollfd polled = {.fd = client, .events = POLLIN};
    char question[LINE_SIZE], line[LINE_SIZE + 8];
    size_t size = 0;
    while (size + 1 < sizeof(question) && memchr(question, '\n', size) == NULL) {
        const ssize_t got = poll(&polled, 1, 1000) == 1
                                ? read(client, question + size, sizeof(question) - 1 - size)
                                : 0;
        if (got <= 0)
            return;
        size += (size_t)got;
    }
    question[size] = '\0';
    question[strcspn(question, "\n")] = '\0';
    answer(store, question, line, sizeof(line));
    if (send(client, line, strlen(line), MSG_NOSIGNAL) == -1)
        return; /* it has gone */
}

/* Running. */

static int listen_here(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink("socket");
    if (fd == -1 || bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
        listen(fd, SOMAXCONN) == -1)
        exit(fail("listen"));
    return fd;
}

static void load(struct store *store) {
    FILE *file = fopen("cluster", "a+e");
    store->journal = fopen("journal", "a+e");
    if (file == NULL || store->journal == NULL)
        exit(fail("open its files"));
    make_id(store->run);
    if (fgets(store->cluster, sizeof(store->cluster), file) == NULL) {
        make_id(store->cluster);
        fputs(store->cluster, file);
    }
    fclose(file);
    fseek(store->journal, 0, SEEK_END);
    store->offset = store->copied = ftell(store->journal);
}

/* The lock, taken when it listens, goes with the process, and so says who runs. */
static void run(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct store store;
    load(&store);
    const int listener = listen_here();
    const int fd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1 || fcntl(fd, F_SETLK, &lock) == -1)
        exit(fail("take the lock"));
    for (;;) {
        const int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client == -1)
            continue;
        serve(&store, client);
        close(client);
    }
}

/* Ends a store that lost its owner, be it hung or not. */
static void keep(void) {
    setsid();
    const pid_t store = fork();
    if (store == 0)
        run();
    while (waitpid(store, NULL, WNOHANG) == 0) {
        if (access("owner", F_OK) != 0 ? access(".", F_OK) != 0 : holder("owner") == 0)
            kill(store, SIGKILL);
        pause_ms(KEEPER_MS);
    }
    exit(0);
}

static int start(void) {
    if (holder("lock") != 0)
        return 0;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const pid_t keeper = fork();
    if (keeper == -1)
        return fail("start");
    if (keeper == 0) {
        if (dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2)
            keep();
        exit(1);
    }
    return await(1);
}

static int stop(void) {
    const pid_t pid = holder("lock");
    if (pid != 0)
        kill(pid, SIGKILL);
    if (await(0) != 0)
        return 1;
    unlink("socket");
    return 0;
}

static int tell(int signal_number) {
    const pid_t pid = holder("lock");
    if (pid == 0 || kill(pid, signal_number) == -1)
        return fail("reach its process");
    return 0;
}

static int write_entry(void) {
    static const char line[] = "secret write\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    char answered[LINE_SIZE];
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
        send(fd, line, strlen(line), MSG_NOSIGNAL) == -1 || read(fd, answered, LINE_SIZE) < 3)
        return fail("write");
    close(fd);
    return 0;
}

int main(int argc, char **argv) {
    const char *command = argc == 3 ? argv[1] : "";
    if (argc == 3 && chdir(argv[2]) == -1)
        return fail("enter its directory");
    if (strcmp(command, "start") == 0)
        return start();
    if (strcmp(command, "stop") == 0)
        return stop();
    if (strcmp(command, "hang") == 0)
        return tell(SIGSTOP);
    if (strcmp(command, "resume") == 0)
        return tell(SIGCONT);
    if (strcmp(command, "write") == 0)
        return write_entry();
    fprintf(stderr, "usage: store start|stop|hang|resume|write DIRECTORY\n");
    return 2;
}
