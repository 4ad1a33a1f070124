#include "cmd/supervisor/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io.h"

#define UNIT	  "hearthmail.service"
#define UNIT_MAX  (256 << 10)
#define PATHS_MAX (64 << 10)
#define DROPINS	  100
#define CONFIGURE "run hearthmail-configure, which writes a drop-in for it"

void
unit_init(struct unit *u)
{
	memset(u, 0, sizeof *u);
	buf_init(&u->hidden, PATHS_MAX);
	buf_init(&u->read_only, PATHS_MAX);
	buf_init(&u->writable, PATHS_MAX);
	buf_init(&u->shown, PATHS_MAX);
	buf_init(&u->shown_writable, PATHS_MAX);
}

void
unit_fini(struct unit *u)
{
	buf_fini(&u->hidden);
	buf_fini(&u->read_only);
	buf_fini(&u->writable);
	buf_fini(&u->shown);
	buf_fini(&u->shown_writable);
}

/* ---- reading ---- */

/* A list of paths; an empty value forgets those before.  before: what each is
 * below; bind: SOURCE:DESTINATION, of which the latter counts. */
static void
add_paths(struct buf *to, struct sv value, const char *before, bool bind)
{
	if (value.n == 0)
		buf_reset(to);
	while (value.n > 0) {
		struct sv p = sv_trim(sv_split(&value, ' '));

		while (p.n > 0 && (p.p[0] == '-' || p.p[0] == '+'))
			p = sv_skip(p, 1);
		if (bind) {
			struct sv source = sv_split(&p, ':');

			p = p.n > 0 ? sv_split(&p, ':') : source;
		}
		while (p.n > 1 && p.p[p.n - 1] == '/')
			p.n--;
		if (p.n > 0)
			buf_addf(to, "%s%.*s\n", before, SV_ARG(p));
	}
}

static void
take_value(char out[16], struct sv value)
{
	(void)snprintf(out, 16, "%.*s", SV_ARG(value));
}

static bool
is_yes(struct sv v)
{
	return sv_ieq(v, SV("yes")) || sv_ieq(v, SV("true")) ||
	       sv_ieq(v, SV("on")) || sv_eq(v, SV("1"));
}

static void
take_line(struct unit *u, struct sv line)
{
	struct sv key = sv_trim(sv_split(&line, '=')), value = sv_trim(line);

	if (sv_eq(key, SV("ProtectHome")))
		take_value(u->home, is_yes(value) ? SV("yes") : value);
	else if (sv_eq(key, SV("ProtectSystem")))
		take_value(u->system, is_yes(value) ? SV("yes") : value);
	else if (sv_eq(key, SV("PrivateTmp")))
		u->private_tmp = is_yes(value);
	else if (sv_eq(key, SV("InaccessiblePaths")))
		add_paths(&u->hidden, value, "", false);
	else if (sv_eq(key, SV("ReadOnlyPaths")))
		add_paths(&u->read_only, value, "", false);
	else if (sv_eq(key, SV("ReadWritePaths")))
		add_paths(&u->writable, value, "", false);
	else if (sv_eq(key, SV("StateDirectory")) && value.n > 0)
		add_paths(&u->writable, value, "/var/lib/", false);
	else if (sv_eq(key, SV("BindPaths")))
		add_paths(&u->shown_writable, value, "", true);
	else if (sv_eq(key, SV("BindReadOnlyPaths")))
		add_paths(&u->shown, value, "", true);
}

void
unit_parse(struct unit *u, struct sv text)
{
	bool service = false;
	struct buf line;

	buf_init(&line, UNIT_MAX);
	while (text.n > 0) {
		struct sv part = sv_trim(sv_split(&text, '\n'));

		if (line.n == 0 &&
		    (sv_starts(part, SV("#")) || sv_starts(part, SV(";"))))
			continue;
		if (part.n > 0 && part.p[part.n - 1] == '\\') {
			buf_addf(&line, "%.*s ", (int)part.n - 1, part.p);
			continue;
		}
		buf_addsv(&line, part);
		if (sv_starts(buf_sv(&line), SV("[")))
			service = sv_eq(buf_sv(&line), SV("[Service]"));
		else if (service && buf_ok(&line))
			take_line(u, buf_sv(&line));
		buf_reset(&line);
	}
	buf_fini(&line);
}

static bool
read_one(struct unit *u, const char *path)
{
	struct buf text;
	struct err err;
	bool there;

	buf_init(&text, UNIT_MAX);
	there = io_read_file(path, &text, &err) == RC_OK;
	if (there)
		unit_parse(u, buf_sv(&text));
	buf_fini(&text);
	return there;
}

/* Where units are, the first counts. */
static const char *const places[] = {"/etc/systemd/system",
    "/run/systemd/system", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system"};
#define NPLACES (sizeof places / sizeof places[0])

struct dropin {
	char name[256];
	size_t place;
};

static int
compare_dropin(const void *a, const void *b)
{
	const struct dropin *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r != 0 ? r : x->place < y->place ? -1 : x->place > y->place;
}

static size_t
list_dropins(const char *root, struct dropin out[DROPINS])
{
	struct buf path;
	size_t i, n = 0;

	buf_init(&path, 4096);
	for (i = 0; i < NPLACES; i++) {
		struct dirent *e;
		DIR *d;

		buf_reset(&path);
		buf_addf(&path, "%s%s/" UNIT ".d", root, places[i]);
		d = opendir(path.p);
		while (d != NULL && n < DROPINS && (e = readdir(d)) != NULL) {
			struct sv name = sv_str(e->d_name);

			if (name.n <= 5 ||
			    !sv_eq(sv_skip(name, name.n - 5), SV(".conf")))
				continue;
			(void)snprintf(
			    out[n].name, sizeof out[n].name, "%s", e->d_name);
			out[n++].place = i;
		}
		if (d != NULL)
			closedir(d);
	}
	buf_fini(&path);
	qsort(out, n, sizeof *out, compare_dropin);
	return n;
}

void
unit_read(const char *root, struct unit *u)
{
	struct dropin *d = xcalloc(DROPINS, sizeof *d);
	struct buf path;
	bool found = false;
	size_t i, n;

	unit_init(u);
	buf_init(&path, 4096);
	for (i = 0; i < NPLACES && !found; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s%s/" UNIT, root, places[i]);
		found = read_one(u, path.p);
	}
	n = found ? list_dropins(root, d) : 0;
	for (i = 0; i < n; i++) {
		/* One of the same name in an earlier place replaces it. */
		if (i > 0 && strcmp(d[i].name, d[i - 1].name) == 0)
			continue;
		buf_reset(&path);
		buf_addf(&path, "%s%s/" UNIT ".d/%s", root, places[d[i].place],
		    d[i].name);
		(void)read_one(u, path.p);
	}
	buf_fini(&path);
	free(d);
}

/* ---- judging ---- */

static bool
is_below(const char *path, struct sv folder)
{
	return sv_starts(sv_str(path), folder) &&
	       (path[folder.n] == '/' || path[folder.n] == '\0' ||
		   folder.n == 1);
}

/* How long the longest of these is that path is below; 0: none. */
static size_t
covered(const struct buf *paths, const char *path)
{
	struct sv rest = buf_sv(paths);
	size_t most = 0;

	while (rest.n > 0) {
		struct sv p = sv_split(&rest, '\n');

		if (p.n > most && is_below(path, p))
			most = p.n;
	}
	return most;
}

static bool
is_home(const char *path)
{
	return is_below(path, SV("/home")) || is_below(path, SV("/root")) ||
	       is_below(path, SV("/run/user"));
}

bool
unit_hides(const struct unit *u, const char *path, struct err *err)
{
	bool shown = covered(&u->shown, path) > 0 ||
		     covered(&u->shown_writable, path) > 0;
	bool tmpfs = strcmp(u->home, "tmpfs") == 0;

	if (is_home(path) &&
	    (strcmp(u->home, "yes") == 0 || (tmpfs && !shown))) {
		(void)err_set(err, RC_PERM,
		    "ProtectHome=%s in " UNIT " hides /root, /home and "
		    "/run/user from the service: " CONFIGURE ", or move it",
		    u->home);
		return true;
	}
	if (u->private_tmp && !shown &&
	    (is_below(path, SV("/tmp")) || is_below(path, SV("/var/tmp")))) {
		(void)err_set(err, RC_PERM,
		    "PrivateTmp=yes in " UNIT " gives the service a /tmp of "
		    "its own: move it elsewhere");
		return true;
	}
	if (covered(&u->hidden, path) > 0) {
		(void)err_set(err, RC_PERM,
		    "InaccessiblePaths in " UNIT " hides it from the "
		    "service: change that, or move it");
		return true;
	}
	return false;
}

/* Which line makes it read only; NULL: none. */
static const char *
guard_of(const struct unit *u, const char *path)
{
	static const char *const some[] = {"/usr", "/boot", "/efi", "/etc"};
	size_t i, n = strcmp(u->system, "full") == 0  ? 4
		      : strcmp(u->system, "yes") == 0 ? 3
						      : 0;

	if (strcmp(u->system, "strict") == 0)
		return "ProtectSystem=strict";
	for (i = 0; i < n; i++)
		if (is_below(path, sv_str(some[i])))
			return "ProtectSystem";
	if (is_home(path) && strcmp(u->home, "read-only") == 0)
		return "ProtectHome=read-only";
	return NULL;
}

bool
unit_forbids(const struct unit *u, const char *path, struct err *err)
{
	size_t writable = covered(&u->writable, path);
	size_t bound = covered(&u->shown_writable, path);
	size_t read_only = covered(&u->read_only, path);
	const char *guard = guard_of(u, path);

	if (unit_hides(u, path, err))
		return true;
	if (writable < bound)
		writable = bound;
	/* The longer path is the nearer one. */
	if (read_only > writable)
		guard = "ReadOnlyPaths";
	else if (writable > 0)
		guard = NULL;
	if (guard == NULL)
		return false;
	(void)err_set(err, RC_PERM,
	    "the service may not write there, by %s in " UNIT ": " CONFIGURE,
	    guard);
	return true;
}
