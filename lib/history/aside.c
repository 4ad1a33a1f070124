#include "history/aside.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 80

static const char *const parts[] = {"-wal", ""};

#define PARTS (sizeof parts / sizeof parts[0])

/* n: how many have been set aside since. */
static void
aside_name(const char *name, unsigned n, const char *part, char out[NAME_SIZE])
{
	if (n == 0)
		(void)snprintf(out, NAME_SIZE, "%s.damaged%s", name, part);
	else
		(void)snprintf(
		    out, NAME_SIZE, "%s.damaged.%u%s", name, n, part);
}

/* All become older by one; the last is overwritten, or goes. */
static void
make_room(const char *name)
{
	char from[NAME_SIZE], to[NAME_SIZE];
	unsigned n;
	size_t i;

	for (n = HISTORY_ASIDE_MAX - 1; n > 0; n--)
		for (i = 0; i < PARTS; i++) {
			aside_name(name, n - 1, parts[i], from);
			aside_name(name, n, parts[i], to);
			if (rename(from, to) != 0 && errno == ENOENT)
				(void)unlink(to);
		}
}

void
history_aside_put(const char *name)
{
	char from[NAME_SIZE], to[NAME_SIZE];
	size_t i;

	aside_name(name, 0, "", to);
	/* Else its log may be there, after a crash between the two. */
	if (access(to, F_OK) == 0)
		make_room(name);
	/* The log first: a new database must not find it. */
	for (i = 0; i < PARTS; i++) {
		(void)snprintf(from, sizeof from, "%s%s", name, parts[i]);
		aside_name(name, 0, parts[i], to);
		if (rename(from, to) != 0 && errno != ENOENT)
			(void)unlink(from);
	}
}

void
history_aside_forget(const char *name, int64_t before)
{
	char path[NAME_SIZE];
	struct stat sb;
	unsigned n;
	size_t i;

	for (n = 0; n < HISTORY_ASIDE_MAX; n++)
		for (i = 0; i < PARTS; i++) {
			aside_name(name, n, parts[i], path);
			/* The renaming counts, not the last write. */
			if (stat(path, &sb) == 0 && sb.st_ctime < before)
				(void)unlink(path);
		}
}
