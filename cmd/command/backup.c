#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/plural.h"
#include "cmd/command/backup_parts.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/preflight.h"
#include "journal/extent.h"
#include "journal/format.h"

#define TREE_FILE_MAX (256ll << 20)
#define ATTEMPTS      5 /* at a journal whose files go while they are copied */
/* If it is not more, all of it is read each time. */
#define READ_ALL (2ull << 30)

/* ---- one journal ---- */

static int
nofollow_opendir(
    const struct journal_io *io, int dirfd, const char *path, bool create)
{
	(void)io;
	(void)create;
	return backup_folder(dirfd, path);
}

static int
readonly_open(
    const struct journal_io *io, int dirfd, const char *name, int flags)
{
	(void)io;
	(void)flags;
	return openat(
	    dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* A segment that no reader finds any more: what is in it may be brought back
 * one day.  One that can be read is new, or was replaced by a compaction. */
static bool
is_wreck(int logfd, const char *name)
{
	struct seg_header h = {.replaces = RANGESET_EMPTY};
	char raw[SEG_HEADER];
	struct err err;
	uint32_t v;
	int fd;
	bool wreck;

	if (seg_name_parse(name, SEG_ASIDE, &v))
		return true;
	if (!seg_name_parse(name, "", &v))
		return false;
	fd = backup_open_file(logfd, name, &err);
	wreck = fd >= 0 && io_pread_all(fd, raw, sizeof raw, 0) == RC_OK &&
		seg_header_decode(raw, &h) == RC_DAMAGED;
	rangeset_fini(&h.replaces);
	io_close(&fd);
	return wreck;
}

/* all: whatever there is but what is derived. */
static int
take_others(
    struct making *m, int logfd, const char *path, bool all, struct err *err)
{
	int copy = openat(logfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;
	struct buf b;
	uint64_t v;
	uint32_t n;
	int r = RC_OK;

	if (d == NULL)
		return err_sys(err, RC_IO, errno, "%s", path);
	buf_init(&b, 4096);
	while (r == RC_OK && (errno = 0, e = readdir(d)) != NULL) {
		bool body = body_name_parse(e->d_name, &v);

		if (!body && !is_wreck(logfd, e->d_name) &&
		    !(all && seg_name_parse(e->d_name, "", &n)))
			continue;
		buf_reset(&b);
		buf_addf(&b, "%s/log/%s", path, e->d_name);
		r = backup_take(
		    m, logfd, e->d_name, b.p, UINT64_MAX, body, err);
		/* One that was not needed, or a segment is gone, too. */
		if (r == RC_NOTFOUND)
			r = RC_OK;
		if (r == RC_IO && !m->full) {
			backup_complain(m, "%s", err->text);
			r = RC_OK;
		}
	}
	if (r == RC_OK && errno != 0)
		r = err_sys(err, RC_IO, errno, "%s", path);
	buf_fini(&b);
	closedir(d);
	return r;
}

static int
seal(struct making *m, const char *path, const struct journal_extent *e,
    struct err *err)
{
	char sha[BACKUP_SHA];
	uint64_t bytes;
	int r = backup_seal(m->dir, path, e, &bytes, sha, err);

	if (r != RC_OK)
		return r == RC_NOTFOUND ? RC_OK : r;
	json_object_set_new(m->files, path,
	    json_pack("{s:s,s:I,s:s}", "path", path, "bytes", (json_int_t)bytes,
		"sha256", sha));
	return RC_OK;
}

static int
take_segments(struct making *m, int logfd, const char *path,
    const struct journal_extent *e, size_t n, struct err *err)
{
	char name[SEG_NAME_MAX];
	struct buf b;
	int r = RC_OK;

	buf_init(&b, 4096);
	for (size_t i = 0; i < n && r == RC_OK; i++) {
		seg_name(e[i].number, "", name);
		buf_reset(&b);
		buf_addf(&b, "%s/log/%s", path, name);
		r = backup_take(
		    m, logfd, name, b.p, e[i].bytes, !e[i].last, err);
		if (r == RC_OK && e[i].last)
			r = seal(m, b.p, &e[i], err);
	}
	if (r == RC_OK)
		r = take_others(m, logfd, path, false, err);
	/* Bodies go before their segment does. */
	for (size_t i = 0; i < n && r == RC_OK; i++)
		if (!journal_extent_holds(&journal_disk, logfd, &e[i]))
			r = err_set(err, RC_NOTFOUND,
			    "%s/log changes all the "
			    "time",
			    path);
	buf_fini(&b);
	return r;
}

/* What an attempt has copied goes before the next. */
static void
forget(struct making *m, const char *path)
{
	const char *key;
	json_t *v;
	void *tmp;

	json_object_foreach_safe(
	    m->files, tmp, key, v) if (sv_starts(sv_str(key), sv_str(path)) &&
				       key[strlen(path)] == '/')
	{
		(void)unlinkat(m->dir, key, 0);
		json_object_del(m->files, key);
	}
}

static int
take_journal(struct making *m, int folder, const char *kind, const char *path,
    struct err *err)
{
	struct journal_io io = journal_disk;
	struct journal_opts o = {.io = &io, .readonly = true};
	int logfd = backup_folder(folder, "log"), r = RC_NOTFOUND;

	if (logfd < 0)
		return errno == ENOENT
			   ? RC_OK
			   : err_sys(err, RC_IO, errno, "%s/log", path);
	io.opendir = nofollow_opendir;
	io.open = readonly_open;
	memcpy(o.kind, kind, sizeof o.kind);
	for (unsigned i = 0; i < ATTEMPTS && r == RC_NOTFOUND; i++) {
		struct journal_extent *e = NULL;
		size_t n = 0;

		forget(m, path);
		r = journal_extents(folder, &o, &e, &n, err);
		if (r == RC_OK)
			r = take_segments(m, logfd, path, e, n, err);
		free(e);
	}
	io_close(&logfd);
	return r;
}

/* ---- all of it ---- */

static int take_tree(struct making *m, int dirfd, const char *name,
    const char *path, struct err *err);

/* By what it is, not by what the folder says: not every file system does. */
static int
take_entry(struct making *m, int fd, const char *name, const char *path,
    struct err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? RC_OK
				       : err_sys(err, RC_IO, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return take_tree(m, fd, name, path, err);
	/* Nobody of ours writes so much: it would fill the backup's disk. */
	if (S_ISREG(st.st_mode) && st.st_size > TREE_FILE_MAX)
		return err_set(err, RC_TOOBIG,
		    "%s is larger than any of its kind, and is left out", path);
	return S_ISREG(st.st_mode)
		   ? backup_take(m, fd, name, path, UINT64_MAX, false, err)
		   : RC_OK;
}

/* Small files, each replaced by rename.  One that cannot be read, or is gone in
 * this moment, does not keep the others out. */
static int
take_tree(struct making *m, int dirfd, const char *name, const char *path,
    struct err *err)
{
	int fd = backup_folder(dirfd, name), copy, r = RC_OK;
	struct dirent *e;
	struct buf b;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? RC_OK
				       : err_sys(err, RC_IO, errno, "%s", path);
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = copy >= 0 ? fdopendir(copy) : NULL;
	if (d == NULL)
		r = err_sys(err, RC_IO, errno, "%s", path);
	buf_init(&b, 4096);
	while (r == RC_OK && (errno = 0, e = readdir(d)) != NULL) {
		struct sv n = sv_str(e->d_name);

		if (n.p[0] == '.' || sv_ends(n, SV(".tmp")))
			continue;
		buf_reset(&b);
		buf_addf(&b, "%s/%s", path, e->d_name);
		r = take_entry(m, fd, e->d_name, b.p, err);
		if (r != RC_OK && r != RC_NOTFOUND && !m->full)
			backup_complain(m, "%s", err->text);
		if (!m->full)
			r = RC_OK;
	}
	if (r == RC_OK && errno != 0)
		r = err_sys(err, RC_IO, errno, "%s", path);
	if (d != NULL)
		closedir(d);
	buf_fini(&b);
	io_close(&fd);
	return r;
}

/* How many messages more or fewer than in the backup before. */
static void
compare_account(struct making *m, const char *name, int64_t n)
{
	const json_t *had = json_object_get(m->had_accounts, name);
	int64_t before = json_integer_value(had);

	buf_addf(&m->notes, "%s: %lld message%s", name, (long long)n,
	    plural((uint64_t)n));
	if (!json_is_integer(had))
		buf_addc(&m->notes, '\n');
	else if (n >= before)
		buf_addf(&m->notes, ", %lld more than in the previous backup\n",
		    (long long)(n - before));
	else
		buf_addf(&m->notes,
		    ", %lld FEWER than in the previous backup\n",
		    (long long)(before - n));
	if (json_is_integer(had) && n == 0 && before > 0)
		backup_complain(m,
		    "%s no longer has any mail; the previous backup had %lld "
		    "message%s",
		    name, (long long)before, plural((uint64_t)before));
}

static void
count_account(struct making *m, int folder, const char *name)
{
	struct store_counts c;
	struct err err = {.text = ""};
	int r;

	if (faccessat(folder, "log", F_OK, 0) != 0 &&
	    faccessat(folder, "state", F_OK, 0) != 0)
		return; /* no mail yet */
	r = backup_count(m->conf, name, &c, &err);
	if (r != RC_OK) {
		json_object_set_new(m->accounts, name, json_null());
		if (r == RC_DAMAGED)
			backup_complain(m, "%s: %s", name, err.text);
		else
			buf_addf(&m->notes, "%s: %s\n", name, err.text);
		return;
	}
	json_object_set_new(
	    m->accounts, name, json_integer((json_int_t)c.messages));
	compare_account(m, name, (int64_t)c.messages);
	if (c.hurt)
		backup_complain(m,
		    "%s: part of its log is lost; run: hearthmail fsck %s",
		    name, name);
}

/* Accounts that the backup before has, and the data folder has not. */
static void
missing_accounts(struct making *m)
{
	const char *name;
	json_t *had;

	json_object_foreach(m->had_accounts, name, had)
	{
		if (json_object_get(m->accounts, name) != NULL)
			continue;
		if (conf_account_by_name(m->conf, sv_str(name)) < 0)
			buf_addf(&m->notes,
			    "%s: no longer in the backup, since it is no "
			    "longer an account\n",
			    name);
		else if (!json_is_integer(had) || json_integer_value(had) > 0)
			backup_complain(m,
			    "%s: its mail is gone, %s/accounts/%s is missing "
			    "or empty; the previous backup had %lld message%s",
			    name, m->conf->data, name,
			    (long long)json_integer_value(had),
			    plural((uint64_t)json_integer_value(had)));
	}
}

/* Not by its rules, but file by file: better than nothing. */
static int
take_raw(struct making *m, int folder, const char *path, struct err *err)
{
	int logfd = backup_folder(folder, "log"), r;

	forget(m, path);
	if (logfd < 0)
		return RC_OK;
	r = take_others(m, logfd, path, true, err);
	io_close(&logfd);
	return r;
}

static int
take_account(struct making *m, int folder, const char *name, struct err *err)
{
	struct buf path;
	int r;

	buf_init(&path, 4096);
	buf_addf(&path, "data/accounts/%s", name);
	r = take_journal(m, folder, "mail", path.p, err);
	if (r == RC_OK) {
		count_account(m, folder, name);
	} else if (!m->full) {
		backup_complain(m,
		    "%s: %s; its files are copied as they are; the other "
		    "accounts are backed up",
		    name, err->text);
		json_object_set_new(m->accounts, name, json_null());
		r = take_raw(m, folder, path.p, err);
		if (r != RC_OK && !m->full) {
			backup_complain(m, "%s: %s", name, err->text);
			r = RC_OK;
		}
	}
	buf_fini(&path);
	return r;
}

static int
take_accounts(struct making *m, int data, struct err *err)
{
	int fd = backup_folder(data, "accounts"), r = RC_OK, n;
	struct dirent **e = NULL;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "accounts");
	n = scandirat(fd, ".", &e, NULL, alphasort);
	if (n < 0)
		r = err_sys(err, RC_IO, errno, "accounts");
	for (int i = 0; i < n; i++) {
		int folder = -1;

		if (r == RC_OK && e[i]->d_name[0] != '.') {
			folder = backup_folder(fd, e[i]->d_name);
			if (folder < 0 && errno != ENOTDIR && errno != ELOOP &&
			    errno != ENOENT)
				backup_complain(m,
				    "%s: it cannot be backed up: %s",
				    e[i]->d_name, strerror(errno));
		}
		if (folder >= 0)
			r = take_account(m, folder, e[i]->d_name, err);
		io_close(&folder);
		free(e[i]);
	}
	free(e);
	if (r == RC_OK)
		missing_accounts(m);
	io_close(&fd);
	return r;
}

/* Whether to go on after this part. */
static bool
part_done(struct making *m, int r, const char *what, const struct err *err)
{
	if (r != RC_OK && !m->full)
		backup_complain(m, "%s: %s", what, err->text);
	return !m->full;
}

static int
take_spool(struct making *m, int data, struct err *err)
{
	int spool = backup_folder(data, "spool"), r;

	if (spool < 0)
		return errno == ENOENT ? RC_OK
				       : err_sys(err, RC_IO, errno, "spool");
	r = take_journal(m, spool, "spol", "data/spool", err);
	if (r != RC_OK && part_done(m, r, "the queue", err))
		r = take_raw(m, spool, "data/spool", err);
	io_close(&spool);
	return r;
}

static int
take_all(struct making *m, const char *config, struct err *err)
{
	int data = open(m->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool on;

	if (data < 0)
		return err_sys(err, RC_IO, errno, "%s", m->conf->data);
	/* Before the accounts: see backup.h. */
	on = part_done(m, take_spool(m, data, err), "the queue", err);
	/* What imports have brought, too: less is known of than is there. */
	on =
	    on && part_done(m, take_tree(m, data, "import", "data/import", err),
		      "import", err);
	on = on && part_done(m, take_accounts(m, data, err), "accounts", err);
	on = on && part_done(m, take_tree(m, data, "auth", "data/auth", err),
		       "auth", err);
	on = on && part_done(m, take_tree(m, data, "tls", "data/tls", err),
		       "tls", err);
	on = on && part_done(m, take_tree(m, data, "acme", "data/acme", err),
		       "acme", err);
	on = on && part_done(m,
		       backup_take(m, AT_FDCWD, config,
			   "config/hearthmail.yaml", UINT64_MAX, false, err),
		       "the configuration", err);
	io_close(&data);
	return on ? RC_OK : err->code;
}

static int
write_manifest(struct making *m, const char *stamp, struct err *err)
{
	json_t *list = json_array(), *top, *v;
	char sha[BACKUP_SHA];
	const char *key;
	struct buf text;
	uint64_t n;
	char *dump;
	int fd, r;

	json_object_foreach(m->files, key, v) json_array_append(list, v);
	top = json_pack("{s:i,s:s,s:s,s:s,s:I,s:O,s:o}", "hearthmail_backup", 1,
	    "created", stamp, "hostname", m->conf->hostname, "version",
	    HM_VERSION, "round", (json_int_t)m->round, "accounts", m->accounts,
	    "files", list);
	dump = json_dumps(top, JSON_INDENT(1));
	fd = openat(m->dir, "manifest.json",
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	buf_init(&text, 256);
	r = dump != NULL && fd >= 0 ? io_write_all(fd, dump, strlen(dump))
				    : RC_IO;
	if (r == RC_OK)
		r = backup_sum(fd, &n, sha);
	io_close(&fd);
	buf_addf(&text, "%s  manifest.json\n", sha);
	fd = openat(m->dir, "manifest.sha256",
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r == RC_OK)
		r = fd >= 0 ? io_write_all(fd, text.p, text.n) : RC_IO;
	io_close(&fd);
	/* Names and links, too. */
	if (r == RC_OK && syncfs(m->dir) != 0)
		r = RC_IO;
	if (r != RC_OK)
		(void)err_sys(err, r, errno, "the manifest");
	buf_fini(&text);
	free(dump);
	json_decref(top);
	return r;
}

static void
know_before(struct making *m, const char *dir, int fd)
{
	uint64_t bytes = 0;
	struct err err;
	json_t *manifest = NULL, *files;
	struct buf name;

	m->before = json_object();
	m->prev = -1;
	buf_init(&name, 4096);
	if (backup_find(dir, &m->prev, &name, &err) == RC_OK &&
	    backup_manifest(m->prev, &manifest, &err) == RC_OK) {
		files = json_object_get(manifest, "files");
		for (size_t i = 0; i < json_array_size(files); i++) {
			json_t *f = json_array_get(files, i);
			const char *path =
			    json_string_value(json_object_get(f, "path"));

			if (path != NULL)
				json_object_set(m->before, path, f);
			bytes += (uint64_t)json_integer_value(
			    json_object_get(f, "bytes"));
		}
		m->round = (uint64_t)json_integer_value(
			       json_object_get(manifest, "round")) +
			   1;
	}
	m->had_accounts =
	    manifest != NULL ? backup_messages(manifest) : json_object();
	m->read_all =
	    bytes <= READ_ALL || faccessat(fd, BACKUP_SUSPECT, F_OK, 0) == 0;
	json_decref(manifest);
	buf_fini(&name);
}

/* Of several in one second the later ones get names that sort behind it, also
 * if the earlier ones are gone already. */
static void
new_name(int fd, const char *stamp, struct buf *name)
{
	struct dirent **e = NULL;
	int n = scandirat(fd, ".", &e, NULL, alphasort);
	uint32_t last = 0, v;

	buf_addf(name, "%s%s", BACKUP_PREFIX, stamp);
	for (int i = 0; i < n; free(e[i++])) {
		struct sv rest = sv_str(e[i]->d_name);

		if (!sv_starts(rest, buf_sv(name)))
			continue;
		rest = sv_skip(rest, name->n);
		if (sv_ends(rest, SV(BACKUP_PART)))
			rest = sv_first(rest, rest.n - strlen(BACKUP_PART));
		if (rest.n == 0 && last == 0)
			last = 1;
		else if (rest.n > 1 && rest.p[0] == '-' &&
			 sv_to_u32(sv_skip(rest, 1), 1000000, &v) == RC_OK &&
			 v > last)
			last = v;
	}
	free(e);
	if (last > 0)
		buf_addf(name, "-%02u", last + 1);
}

static int
make(const struct conf *conf, const char *config, const char *dir, int fd,
    struct buf *made, unsigned *complaints, struct err *err)
{
	struct making m = {.conf = conf, .dir = -1, .prev = -1};
	char stamp[24];
	struct buf name, part;
	int r = RC_OK;

	backup_stamp(stamp);
	buf_init(&name, 256);
	buf_init(&part, 256);
	new_name(fd, stamp, &name);
	buf_addf(&part, "%s%s", name.p, BACKUP_PART);
	know_before(&m, dir, fd);
	m.files = json_object();
	m.accounts = json_object();
	buf_init(&m.notes, 1 << 20);
	if (mkdirat(fd, part.p, 0700) != 0 ||
	    (m.dir = backup_folder(fd, part.p)) < 0)
		r = err_sys(err, RC_IO, errno, "%s/%s", dir, part.p);
	if (r == RC_OK)
		r = take_all(&m, config, err);
	if (r == RC_OK)
		r = write_manifest(&m, stamp, err);
	if (r == RC_OK &&
	    (renameat(fd, part.p, fd, name.p) != 0 || fsync(fd) != 0))
		r = err_sys(err, RC_IO, errno, "%s/%s", dir, name.p);
	if (r == RC_OK) {
		(void)unlinkat(fd, BACKUP_SUSPECT, 0);
		buf_reset(made);
		buf_addsv(made, buf_sv(&name));
		printf(
		    "%s/%s: %llu file%s copied (%.1f MB), %llu unchanged\n%s",
		    dir, name.p, (unsigned long long)m.copied, plural(m.copied),
		    (double)m.bytes / 1e6, (unsigned long long)m.linked,
		    m.notes.p);
	} else if (m.dir >= 0) {
		backup_remove(fd, part.p);
	}
	if (r == RC_OK && m.complaints > 0) {
		*complaints = m.complaints;
		(void)err_set(err, RC_OK, "%s", m.first.text);
	}
	buf_fini(&m.notes);
	json_decref(m.had_accounts);
	json_decref(m.accounts);
	json_decref(m.before);
	json_decref(m.files);
	io_close(&m.prev);
	io_close(&m.dir);
	buf_fini(&part);
	buf_fini(&name);
	return r;
}

static struct err *
made_but(struct err *out, const char *first, unsigned complaints)
{
	if (complaints == 1)
		(void)err_set(out, RC_OK, BACKUP_MADE_BUT "%.120s", first);
	else
		(void)err_set(out, RC_OK, BACKUP_MADE_BUT "%.100s; and %u more",
		    first, complaints - 1);
	return out;
}

static int
make_in(const struct conf *conf, const char *config, const char *dir,
    uint32_t keep, struct err *err)
{
	unsigned complaints = 0;
	struct buf made;
	int fd, r;

	if (preflight_inside_data(conf, dir, err))
		return err->code;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_sys(err, RC_IO, errno, "%s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		io_close(&fd);
		return err_set(
		    err, RC_TEMP, "another backup into %s is in progress", dir);
	}
	buf_init(&made, 256);
	backup_clear_up(conf, fd, 0, "");
	r = make(conf, config, dir, fd, &made, &complaints, err);
	if (r == RC_OK)
		backup_clear_up(conf, fd, keep, made.p);
	buf_fini(&made);
	io_close(&fd);
	/* The last line is what a status shows. */
	if (r == RC_OK && complaints > 0)
		r = err_set(err, RC_DAMAGED, "%s",
		    made_but(&(struct err){0}, err->text, complaints)->text);
	return r;
}

struct words {
	const char *dir;
	bool verify;
	uint32_t keep; /* 0: all */
};

static const char *
read_keep(void *arg, const char *value)
{
	struct words *w = arg;

	return sv_to_u32(sv_str(value), 100000, &w->keep) == RC_OK &&
		       w->keep > 0
		   ? NULL
		   : "expected the number of backups to keep, at least 1";
}

static int
read_words(struct words *w, int argc, char **argv)
{
	const struct command_option options[] = {
	    {"--verify", .flag = &w->verify},
	    {"--keep", "the number of backups to keep", .read = read_keep,
		.arg = w}};
	const struct command_words words = {.command = "backup",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "one folder for backups",
	    .least = 1,
	    .most = 1};
	int r = command_words(&words, argc, argv, NULL);

	if (r != EXIT_FINE)
		return r;
	w->dir = argv[1];
	if (w->verify && w->keep > 0)
		return command_misused(
		    "backup", "--keep cannot be combined with --verify");
	return EXIT_FINE;
}

int
cmd_backup(const char *config, int argc, char **argv)
{
	struct err err = {.text = ""};
	struct words w = {.keep = 0};
	struct conf *conf;
	int r = read_words(&w, argc, argv);

	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	log_setup("backup", LOG_NOTHING);
	r = w.verify ? backup_verify(conf, w.dir, &err)
		     : make_in(conf, config, w.dir, w.keep, &err);
	conf_free(&conf);
	return r == RC_OK ? EXIT_FINE
			  : command_fail("backup", EXIT_FAILED, "%s", err.text);
}
