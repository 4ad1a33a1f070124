/* The system's file of time zones. */
#include "pagerules/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"

#define FILE_SIZE_MAX (4 << 20)
#define NAMES_MAX     2000
#define LOCALTIME     "/etc/localtime"
#define ZONEINFO      "/zoneinfo/"

struct zones {
	int fd; /* -1: there is no such file */
	char *local;
};

/* By where /etc/localtime leads, or what TZ says. */
static char *
find_local(void)
{
	const char *tz = getenv("TZ");
	char path[256];
	struct sv s;
	ssize_t n;
	size_t at;

	if (tz != NULL && tz[0] != '\0')
		return xstrdup(tz[0] == ':' ? tz + 1 : tz);
	n = readlink(LOCALTIME, path, sizeof path);
	if (n <= 0 || (size_t)n >= sizeof path)
		return xstrdup("UTC");
	s = sv_of(path, (size_t)n);
	at = sv_find(s, SV(ZONEINFO));
	if (at < s.n &&
	    sv_starts(sv_skip(s, at + sizeof ZONEINFO - 1), SV("Etc/")))
		at = s.n;
	return at < s.n ? sv_dup(sv_skip(s, at + sizeof ZONEINFO - 1))
			: xstrdup("UTC");
}

static void
read_all(const struct zones *z, struct buf *out)
{
	struct stat s;
	char *p;

	if (z->fd < 0 || fstat(z->fd, &s) != 0 || s.st_size > FILE_SIZE_MAX ||
	    (p = buf_reserve(out, (size_t)s.st_size)) == NULL)
		return;
	if (io_pread_all(z->fd, p, (size_t)s.st_size, 0) == RC_OK)
		buf_added(out, (size_t)s.st_size);
}

struct zones *
zones_open(const char *path, const char *local)
{
	struct zones *z = xcalloc(1, sizeof *z);

	do
		z->fd = open(path, O_RDONLY | O_CLOEXEC);
	while (z->fd < 0 && errno == EINTR);
	z->local = local != NULL ? xstrdup(local) : find_local();
	return z;
}

void
zones_free(struct zones **zp)
{
	struct zones *z = *zp;

	if (z == NULL)
		return;
	io_close(&z->fd);
	free(z->local);
	free(z);
	*zp = NULL;
}

const char *
zones_local(const struct zones *z)
{
	return z->local;
}

int
zones_load(const struct zones *z, struct sv name, struct zone **out)
{
	struct buf text;
	int r;

	if (sv_eq(name, SV("UTC")))
		return zone_parse(SV("Z UTC 0 - UTC\n"), name, out);
	buf_init(&text, FILE_SIZE_MAX);
	read_all(z, &text);
	r = zone_parse(buf_sv(&text), name, out);
	buf_fini(&text);
	return r;
}

/* ---- the list ---- */

static int
by_name(const void *a, const void *b)
{
	return sv_cmp(*(const struct sv *)a, *(const struct sv *)b);
}

/* Not the old names of countries, nor those of offsets. */
static bool
is_place(struct sv name)
{
	static const struct sv areas[] = {SV("Africa/"), SV("America/"),
	    SV("Antarctica/"), SV("Asia/"), SV("Atlantic/"), SV("Australia/"),
	    SV("Europe/"), SV("Indian/"), SV("Pacific/")};

	for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
		if (sv_starts(name, areas[i]))
			return name.n <= ZONE_NAME_MAX;
	return false;
}

void
zones_list(const struct zones *z, struct buf *out)
{
	struct sv *name = xcalloc(NAMES_MAX, sizeof *name), rest;
	struct buf text;
	size_t n = 0;

	buf_init(&text, FILE_SIZE_MAX);
	read_all(z, &text);
	name[n++] = SV("UTC");
	for (rest = buf_sv(&text); rest.n > 0 && n < NAMES_MAX;) {
		struct sv line = sv_split(&rest, '\n');
		struct sv kind = sv_split(&line, ' ');
		struct sv first = sv_split(&line, ' ');
		struct sv second = sv_split(&line, ' ');

		if (sv_eq(kind, SV("Z")) && is_place(first))
			name[n++] = first;
		else if (sv_eq(kind, SV("L")) && is_place(second))
			name[n++] = second;
	}
	qsort(name, n, sizeof *name, by_name);
	for (size_t i = 0; i < n; i++) {
		buf_addsv(out, name[i]);
		buf_addc(out, '\n');
	}
	buf_fini(&text);
	free(name);
}
