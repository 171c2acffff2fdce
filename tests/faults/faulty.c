/* Lets chosen system calls fail or wait: LD_PRELOAD=faulty.so FAULTS=/path/of/a/control/file.

   A line of the control file is `CALL ERRNO CHANCE PART`. CALL is one of open (for reading), create (for
   writing), list, stat, read, write, sync (fsync, fdatasync), syncfs, rename, link, unlink, mkdir. CHANCE is
   a percentage or, as `#7`, the one call of these that fails. PART is a piece of the path, or nothing. A
   negative ERRNO makes the call wait so many milliseconds instead. The file is read at each call: put
   another in its place by rename. Calls are counted for each line in `$FAULTS.count`, for all processes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINES 64
#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* One counter for each line of the control file. */
static uint64_t *counters(const char *control) {
    static uint64_t *shared;
    if (!shared) {
        char path[4096];
        snprintf(path, sizeof path, "%s.count", control);
        int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
        size_t size = LINES * sizeof(uint64_t);
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file >= 0) syscall(SYS_close, file);
        if (found == MAP_FAILED) return NULL;
        shared = found;
    }
    return shared;
}

static unsigned percent(uint64_t count) { /* the same for the same count */
    count = (count + 1) * 0x9E3779B97F4A7C15u;
    count = (count ^ (count >> 29)) * 0xBF58476D1CE4E5B9u;
    return (count >> 33) % 100;
}

/* The errno with which this call is to fail, 0 for none. */
static int fault(const char *call, const char *path) {
    const char *control = getenv("FAULTS");
    if (!control || !path) return 0;
    char text[4096], *rest = text, *line;
    int file = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return 0;
    ssize_t size = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (size <= 0) return 0;
    text[size] = 0;
    uint64_t *counted = counters(control);
    for (int number = 0; counted && number < LINES && (line = strsep(&rest, "\n")); number++) {
        char name[16], chance[24], part[256] = "";
        int error;
        if (sscanf(line, "%15s %d %23s %255s", name, &error, chance, part) < 3) continue;
        if (strcmp(name, call) || !strstr(path, part)) continue;
        uint64_t count = __atomic_add_fetch(&counted[number], 1, __ATOMIC_SEQ_CST);
        unsigned long wanted = strtoul(chance + (*chance == '#'), NULL, 10);
        int hit = *chance == '#' ? count == wanted : percent(count) < wanted;
        if (hit && error > 0) return error;
        if (hit) {
            struct timespec wait = {-error / 1000, -error % 1000 * 1000000L};
            nanosleep(&wait, NULL);
        }
    }
    return 0;
}

static const char *place(int handle, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 1 || *path != '/') return NULL;
    path[length] = 0;
    return path;
}

#define FAILS(call, path, failed) \
    do { int error = fault(call, path); if (error) { errno = error; return failed; } } while (0)

#define SYNC(name, call) \
    int name(int handle) { \
        char path[4096]; \
        FAILS(call, place(handle, path, sizeof path), -1); \
        return REAL(name)(handle); }
SYNC(fsync, "sync")
SYNC(fdatasync, "sync")
SYNC(syncfs, "syncfs")

ssize_t write(int handle, const void *data, size_t size) {
    char path[4096];
    FAILS("write", place(handle, path, sizeof path), -1);
    return REAL(write)(handle, data, size);
}

ssize_t read(int handle, void *data, size_t size) {
    char path[4096];
    FAILS("read", place(handle, path, sizeof path), -1);
    return REAL(read)(handle, data, size);
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}
static const char *way(int flags) { return flags & (O_CREAT | O_WRONLY | O_RDWR) ? "create" : "open"; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
        FAILS(way(flags), path, -1); return REAL(name)(path, flags, mode); }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
        FAILS(way(flags), path, -1); return REAL(name)(folder, path, flags, mode); }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

DIR *opendir(const char *path) { FAILS("list", path, NULL); return REAL(opendir)(path); }

int rename(const char *old, const char *new) { FAILS("rename", new, -1); return REAL(rename)(old, new); }
int renameat(int from, const char *old, int to, const char *new) {
    FAILS("rename", new, -1);
    return REAL(renameat)(from, old, to, new);
}
int link(const char *old, const char *new) { FAILS("link", new, -1); return REAL(link)(old, new); }
int linkat(int from, const char *old, int to, const char *new, int flags) {
    FAILS("link", new, -1);
    return REAL(linkat)(from, old, to, new, flags);
}
int unlink(const char *path) { FAILS("unlink", path, -1); return REAL(unlink)(path); }
int unlinkat(int folder, const char *path, int flags) {
    FAILS("unlink", path, -1);
    return REAL(unlinkat)(folder, path, flags);
}
int mkdir(const char *path, mode_t mode) { FAILS("mkdir", path, -1); return REAL(mkdir)(path, mode); }

#define STAT(name, kind) \
    int name(const char *path, struct kind *found) { \
        FAILS("stat", path, -1); return REAL(name)(path, found); }
#define STATAT(name, kind) \
    int name(int folder, const char *path, struct kind *found, int flags) { \
        FAILS("stat", path, -1); return REAL(name)(folder, path, found, flags); }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)
STATAT(fstatat, stat)
STATAT(fstatat64, stat64)
