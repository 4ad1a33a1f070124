#include "backup/lost.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/io.h"
#include "backup/backup.h"
#include "base/plural.h"
#include "journal/format.h"

#define KNOWN ".known"

struct look {
	const struct conf *conf;
	lost_fn fn;
	void *arg;
	unsigned n;
	json_t *backup; /* how many messages each has in the newest one */
};

static void __attribute__((format(printf, 2, 3)))
tell(struct look *l, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 4096);
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	l->n++;
	l->fn(l->arg, b.p);
	buf_fini(&b);
}

/* ---- an account ---- */

struct segments {
	unsigned all, unreadable;
	bool closed; /* it cannot be looked into */
};

static bool
is_unreadable(int logfd, const char *name)
{
	struct seg_header h = {.replaces = RANGESET_EMPTY};
	char raw[SEG_HEADER];
	struct err err;
	int fd = backup_open_file(logfd, name, &err), r;

	if (fd < 0)
		return err.code != RC_NOTFOUND;
	r = io_pread_all(fd, raw, sizeof raw, 0);
	if (r == RC_OK)
		r = seg_header_decode(raw, &h);
	rangeset_fini(&h.replaces);
	io_close(&fd);
	return r != RC_OK && r != RC_NOSUPPORT;
}

static void
count_segments(int home, struct segments *s)
{
	int logfd = backup_folder(home, "log");
	DIR *d = logfd >= 0 ? fdopendir(dup(logfd)) : NULL;
	struct dirent *e;
	uint32_t v;

	s->closed = logfd < 0 && errno == EACCES;
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!seg_name_parse(e->d_name, "", &v))
			continue;
		s->all++;
		s->unreadable += is_unreadable(logfd, e->d_name);
	}
	if (d != NULL)
		closedir(d);
	io_close(&logfd);
}

static bool
is_known(int accounts, const char *name)
{
	struct buf path;
	bool known;

	buf_init(&path, 256);
	buf_addf(&path, KNOWN "/%s", name);
	known = faccessat(accounts, path.p, F_OK, 0) == 0;
	buf_fini(&path);
	return known;
}

void
lost_remember(const struct conf *conf)
{
	struct buf path;
	int accounts, known;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts", conf->data);
	accounts = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_fini(&path);
	if (accounts < 0)
		return;
	(void)mkdirat(accounts, KNOWN, 0700);
	known = backup_folder(accounts, KNOWN);
	for (size_t i = 0; i < conf->naccount && known >= 0; i++) {
		const char *name = conf->account[i].name;
		struct segments s = {.all = 0};
		int home = backup_folder(accounts, name), fd;

		if (home >= 0)
			count_segments(home, &s);
		io_close(&home);
		if (s.all == 0)
			continue;
		fd = openat(known, name,
		    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		io_close(&fd);
	}
	io_close(&known);
	io_close(&accounts);
}

/* Of one that had mail, as the file of its name says. */
static void
put_gone(const struct conf *conf, const char *name, struct buf *out)
{
	buf_addf(out,
	    "%s: nothing is in %s/accounts/%s, but it had mail; mount its "
	    "disk, or: hearthmail restore; if it is to start empty: "
	    "rm %s/accounts/" KNOWN "/%s",
	    name, conf->data, name, conf->data, name);
}

bool
lost_account(const struct conf *conf, const char *name, struct buf *text)
{
	struct segments s = {.all = 0};
	struct buf path;
	int accounts, home = -1;
	bool gone;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts", conf->data);
	accounts = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_fini(&path);
	gone = accounts >= 0 && is_known(accounts, name);
	if (gone) {
		home = backup_folder(accounts, name);
		gone = home >= 0 || errno == ENOENT;
	}
	if (home >= 0)
		count_segments(home, &s);
	if (s.closed || s.all > 0)
		gone = false;
	if (gone)
		put_gone(conf, name, text);
	io_close(&home);
	io_close(&accounts);
	return gone;
}

static void
look_at(struct look *l, int accounts, const char *name)
{
	const json_t *had = json_object_get(l->backup, name);
	struct segments s = {.all = 0};
	int home = backup_folder(accounts, name);

	if (home < 0 && errno == EACCES)
		return;
	if (home >= 0)
		count_segments(home, &s);
	if (s.closed || (s.all > 0 && s.unreadable == 0))
		goto out;
	if (s.unreadable > 0)
		tell(l,
		    "%s: %u of its %u segment%s cannot be read; stop the "
		    "server, then: hearthmail fsck %s --repair",
		    name, s.unreadable, s.all, plural(s.all), name);
	else if (home >= 0 && faccessat(home, "state", F_OK, 0) == 0)
		tell(l,
		    "%s: its log is gone, and with it the mail that was there; "
		    "mount its disk, or: hearthmail restore",
		    name);
	else if (json_integer_value(had) == 0 && is_known(accounts, name)) {
		struct buf text;

		buf_init(&text, 4096);
		put_gone(l->conf, name, &text);
		tell(l, "%s", text.p);
		buf_fini(&text);
	} else if (json_integer_value(had) > 0)
		tell(l,
		    "%s: nothing is in %s/accounts/%s, but the newest backup "
		    "has %lld message%s of it; mount its disk, or: hearthmail "
		    "restore",
		    name, l->conf->data, name,
		    (long long)json_integer_value(had),
		    plural((uint64_t)json_integer_value(had)));
out:
	io_close(&home);
}

/* What the newest backup has; an empty object if nobody can tell. */
json_t *
lost_newest(const struct conf *conf)
{
	json_t *manifest = NULL, *out = NULL;
	struct buf name;
	struct err err;
	int fd = -1;

	buf_init(&name, 4096);
	if (conf->backup.folder != NULL &&
	    backup_find(conf->backup.folder, &fd, &name, &err) == RC_OK &&
	    backup_manifest(fd, &manifest, &err) == RC_OK)
		out = json_incref(json_object_get(manifest, "accounts"));
	json_decref(manifest);
	io_close(&fd);
	buf_fini(&name);
	return out != NULL ? out : json_object();
}

unsigned
lost_each(const struct conf *conf, lost_fn fn, void *arg)
{
	struct look l = {.conf = conf, .fn = fn, .arg = arg};
	struct buf path;
	int accounts;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts", conf->data);
	accounts = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_fini(&path);
	if (accounts < 0 && errno != ENOENT)
		return 0;
	l.backup = lost_newest(conf);
	for (size_t i = 0; i < conf->naccount; i++)
		look_at(&l, accounts, conf->account[i].name);
	json_decref(l.backup);
	io_close(&accounts);
	return l.n;
}

/* ---- everything ---- */

static bool
is_empty(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	bool empty = true;

	if (d == NULL)
		return errno == ENOENT;
	while (empty && (e = readdir(d)) != NULL)
		empty = e->d_name[0] == '.' ||
			sv_eq(sv_str(e->d_name), SV("lost+found"));
	closedir(d);
	return empty;
}

bool
lost_is_empty(const struct conf *conf)
{
	return is_empty(conf->data);
}

int
lost_everything(const struct conf *conf, struct err *err)
{
	json_t *has, *v;
	const char *name;
	long long sum = 0;

	if (!is_empty(conf->data))
		return RC_OK;
	has = lost_newest(conf);
	json_object_foreach(has, name, v) sum += json_integer_value(v);
	json_decref(has);
	if (sum == 0)
		return RC_OK;
	return err_set(err, RC_PERM,
	    "data: %.60s is empty, but a backup in %.60s has mail: mount its "
	    "disk, or restore",
	    conf->data, conf->backup.folder);
}
