#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/backup.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/supervisor/users.h"
#include "journal/extent.h"
#include "journal/format.h"
#include "store/fsck.h"

#define USAGE	 "usage: backup DIR [--keep N] | backup DIR --verify"
#define ATTEMPTS 5 /* at a journal whose files go while they are copied */

struct making {
	const struct conf *conf;
	int dir;  /* the new backup */
	int prev; /* the one before, or -1 */
	json_t *files;
	json_t *before; /* path: entry of the one before */
	uint64_t copied, linked, bytes;
};

/* ---- one file ---- */

static bool
same_start(int a, int b)
{
	char p[SEG_HEADER], q[SEG_HEADER];
	ssize_t n = pread(a, p, sizeof p, 0);

	return n > 0 && pread(b, q, sizeof q, 0) == n &&
	       memcmp(p, q, (size_t)n) == 0;
}

/* A link to the backup before, if it has the same; else false. */
static bool
link_before(struct making *m, int from, const char *path, uint64_t size)
{
	const json_t *e = json_object_get(m->before, path);
	bool same;
	int fd;

	if (e == NULL ||
	    (uint64_t)json_integer_value(json_object_get(e, "bytes")) != size)
		return false;
	fd = openat(m->prev, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	same = same_start(from, fd);
	io_close(&fd);
	return same && backup_make_parents(m->dir, path) == RC_OK &&
	       linkat(m->prev, path, m->dir, path, 0) == 0;
}

/*
 * Copies name below dirfd to path.  final: never changes again at this size.
 * RC_NOTFOUND: it is gone.
 */
static int
take(struct making *m, int dirfd, const char *name, const char *path,
    uint64_t limit, bool final, struct err *err)
{
	int from =
	    openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char sha[BACKUP_SHA] = "";
	uint64_t bytes;
	struct stat st;
	json_t *e;
	int r = RC_OK;

	if (from < 0)
		return err_sys(err, errno == ENOENT ? RC_NOTFOUND : RC_IO,
		    errno, "%s", path);
	if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode)) {
		r = err_set(err, RC_IO, "%s is no regular file", path);
		goto out;
	}
	bytes = (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
	(void)unlinkat(m->dir, path, 0);
	if (final && link_before(m, from, path, bytes)) {
		e = json_deep_copy(json_object_get(m->before, path));
		m->linked++;
	} else {
		r = backup_copy(from, m->dir, path, bytes, &bytes, sha, err);
		if (r != RC_OK)
			goto out;
		e = json_pack("{s:s,s:I,s:s}", "path", path, "bytes",
		    (json_int_t)bytes, "sha256", sha);
		m->copied++;
		m->bytes += bytes;
	}
	json_object_set_new(m->files, path, e);
out:
	io_close(&from);
	return r;
}

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

static int
take_bodies(struct making *m, int logfd, const char *path, struct err *err)
{
	int copy = openat(logfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;
	struct buf b;
	uint64_t v;
	int r = RC_OK;

	if (d == NULL)
		return err_sys(err, RC_IO, errno, "%s", path);
	buf_init(&b, 4096);
	while (r == RC_OK && (e = readdir(d)) != NULL) {
		if (!body_name_parse(e->d_name, &v))
			continue;
		buf_reset(&b);
		buf_addf(&b, "%s/log/%s", path, e->d_name);
		r = take(m, logfd, e->d_name, b.p, UINT64_MAX, true, err);
		/* One that was not needed, or a segment is gone, too. */
		if (r == RC_NOTFOUND)
			r = RC_OK;
	}
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
		r = take(m, logfd, name, b.p, e[i].bytes, !e[i].last, err);
		if (r == RC_OK && e[i].last)
			r = seal(m, b.p, &e[i], err);
	}
	if (r == RC_OK)
		r = take_bodies(m, logfd, path, err);
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

/* Small files, each replaced by rename. */
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
	buf_init(&b, 4096);
	while (d != NULL && r == RC_OK && (e = readdir(d)) != NULL) {
		struct sv n = sv_str(e->d_name);

		if (n.p[0] == '.' || sv_ends(n, SV(".tmp")))
			continue;
		buf_reset(&b);
		buf_addf(&b, "%s/%s", path, e->d_name);
		if (e->d_type == DT_DIR)
			r = take_tree(m, fd, e->d_name, b.p, err);
		else if (e->d_type == DT_REG)
			r = take(m, fd, e->d_name, b.p, UINT64_MAX, false, err);
	}
	if (d != NULL)
		closedir(d);
	buf_fini(&b);
	io_close(&fd);
	return r;
}

static int
take_accounts(struct making *m, int data, struct err *err)
{
	int fd = backup_folder(data, "accounts"), r = RC_OK, n;
	struct dirent **e = NULL;
	struct buf b;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "accounts");
	buf_init(&b, 4096);
	n = scandirat(fd, ".", &e, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		int folder = -1;

		if (r == RC_OK && e[i]->d_name[0] != '.')
			folder = backup_folder(fd, e[i]->d_name);
		if (folder >= 0) {
			buf_reset(&b);
			buf_addf(&b, "data/accounts/%s", e[i]->d_name);
			r = take_journal(m, folder, "mail", b.p, err);
		}
		io_close(&folder);
		free(e[i]);
	}
	free(e);
	buf_fini(&b);
	io_close(&fd);
	return r;
}

static int
take_all(struct making *m, const char *config, struct err *err)
{
	int data = open(m->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int spool, r = RC_OK;

	if (data < 0)
		return err_sys(err, RC_IO, errno, "%s", m->conf->data);
	/* Before the accounts: see backup.h. */
	spool = backup_folder(data, "spool");
	if (spool >= 0)
		r = take_journal(m, spool, "spol", "data/spool", err);
	io_close(&spool);
	/* What imports have brought, too: less is known of than is there. */
	if (r == RC_OK)
		r = take_tree(m, data, "import", "data/import", err);
	if (r == RC_OK)
		r = take_accounts(m, data, err);
	if (r == RC_OK)
		r = take_tree(m, data, "auth", "data/auth", err);
	if (r == RC_OK)
		r = take_tree(m, data, "tls", "data/tls", err);
	if (r == RC_OK)
		r = take(m, AT_FDCWD, config, "config/hearthmail.yaml",
		    UINT64_MAX, false, err);
	io_close(&data);
	return r;
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
	top = json_pack("{s:i,s:s,s:s,s:s,s:o}", "hearthmail_backup", 1,
	    "created", stamp, "hostname", m->conf->hostname, "version",
	    HM_VERSION, "files", list);
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
know_before(struct making *m, const char *dir)
{
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
		}
	}
	json_decref(manifest);
	buf_fini(&name);
}

/* Unfinished ones of before, and whole ones that are too many. */
static void
clear_up(int fd, long keep)
{
	struct dirent **e = NULL;
	int n = scandirat(fd, ".", &e, NULL, alphasort), whole = 0;

	for (int i = n; i-- > 0; free(e[i])) {
		struct sv name = sv_str(e[i]->d_name);
		struct buf part;

		if (!sv_starts(name, SV(BACKUP_PREFIX)))
			continue;
		if (sv_ends(name, SV(BACKUP_PART))) {
			backup_remove(fd, name.p);
			continue;
		}
		if (keep == 0 || ++whole <= keep)
			continue;
		/* Half removed it must not look whole. */
		buf_init(&part, 512);
		buf_addf(&part, "%s%s", name.p, BACKUP_PART);
		if (renameat(fd, name.p, fd, part.p) == 0)
			backup_remove(fd, part.p);
		buf_fini(&part);
	}
	free(e);
}

/* Of several in one second the later ones get names that sort behind it. */
static void
new_name(int fd, const char *stamp, struct buf *name)
{
	unsigned i;

	buf_addf(name, "%s%s", BACKUP_PREFIX, stamp);
	for (i = 2; faccessat(fd, name->p, F_OK, 0) == 0 && i < 100; i++) {
		buf_reset(name);
		buf_addf(name, "%s%s-%02u", BACKUP_PREFIX, stamp, i);
	}
}

static int
make(const struct conf *conf, const char *config, const char *dir, int fd,
    struct err *err)
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
	know_before(&m, dir);
	m.files = json_object();
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
	if (r == RC_OK)
		printf("%s/%s: %llu files copied (%.1f MB), %llu as before\n",
		    dir, name.p, (unsigned long long)m.copied,
		    (double)m.bytes / 1e6, (unsigned long long)m.linked);
	else if (m.dir >= 0)
		backup_remove(fd, part.p);
	json_decref(m.before);
	json_decref(m.files);
	io_close(&m.prev);
	io_close(&m.dir);
	buf_fini(&part);
	buf_fini(&name);
	return r;
}

/* ---- verify ---- */

struct counted {
	/* The backup may have been made in the very moment in which the account
	 * was: then its first folders are the restore's. */
	bool folders;
	uint8_t digest[FSCK_DIGEST];
};

struct rehearsal {
	const char *name;
	const struct counted *want; /* NULL: print nothing yet */
	int out;		    /* where it goes then */
};

static bool
is_same(const struct counted *want, const struct fsck_report *r)
{
	return !want->folders ||
	       memcmp(want->digest, r->digest, FSCK_DIGEST) == 0;
}

static int
hand_over(int fd, const struct fsck_report *r)
{
	struct counted c = {.folders = r->mailboxes > 0};

	memcpy(c.digest, r->digest, FSCK_DIGEST);
	return io_write_all(fd, &c, sizeof c) == RC_OK ? EXIT_FINE
						       : EXIT_FAILED;
}

static int
count_inside(void *arg)
{
	const struct rehearsal *x = arg;
	const struct fsck_opts o = {.online = false};
	struct fsck_report r = {0};
	struct err err = {.text = ""};
	int code = EXIT_FAILED;

	if (fsck_check(".", &o, &r, &err) != RC_OK)
		(void)command_fail(
		    "backup", EXIT_FAILED, "%s: %s", x->name, err.text);
	else if (r.damage > 0)
		(void)command_fail("backup", EXIT_FAILED,
		    "%s: %s, byte %llu: %s", x->name, r.f[0].file,
		    (unsigned long long)r.f[0].off, r.f[0].text);
	else if (x->want != NULL && !is_same(x->want, &r))
		(void)command_fail("backup", EXIT_FAILED,
		    "%s: what was restored is not what was backed up", x->name);
	else if (x->want == NULL)
		code = hand_over(x->out, &r);
	else
		code = EXIT_FINE;
	if (code == EXIT_FINE && x->want != NULL)
		printf("%s: %llu messages in %llu folders, restored as they "
		       "were; %02x%02x%02x%02x%02x%02x%02x%02x\n",
		    x->name, (unsigned long long)r.messages,
		    (unsigned long long)r.mailboxes, r.digest[0], r.digest[1],
		    r.digest[2], r.digest[3], r.digest[4], r.digest[5],
		    r.digest[6], r.digest[7]);
	fsck_report_fini(&r);
	return code;
}

/* Copied, looked at, given a new epoch as a restore does, looked at again. */
static int
rehearse(const struct conf *conf, const char *scratch, const char *name)
{
	struct rehearsal x = {.name = name};
	struct counted counted;
	struct buf path;
	int p[2], code;

	if (pipe2(p, O_CLOEXEC) != 0)
		return EXIT_FAILED;
	buf_init(&path, 4096);
	buf_addf(&path, "%s/data/accounts/%s", scratch, name);
	x.out = p[1];
	code = confined_run(
	    conf, "backup", path.p, ROLE_ACCOUNT, count_inside, &x);
	if (code == EXIT_FINE &&
	    read(p[0], &counted, sizeof counted) != (ssize_t)sizeof counted)
		code = EXIT_FAILED;
	if (code == EXIT_FINE)
		code = backup_begin_anew(conf, "backup", path.p);
	x.want = &counted;
	if (code == EXIT_FINE)
		code = confined_run(
		    conf, "backup", path.p, ROLE_ACCOUNT, count_inside, &x);
	io_close(&p[0]);
	io_close(&p[1]);
	buf_fini(&path);
	return code;
}

static int
verify_in(const struct conf *conf, int fd, const json_t *manifest,
    const char *scratch, struct err *err)
{
	json_t *names = backup_accounts(manifest);
	struct super_user user[ROLE_COUNT];
	int to = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *how;
	bool change;
	int r = backup_extract(fd, manifest, "", 0, -1, err);

	users_find(user, &change, &how);
	for (size_t i = 0; i < json_array_size(names) && r == RC_OK; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		struct buf b;

		buf_init(&b, 4096);
		buf_addf(&b, "data/accounts/%s/", name);
		r = backup_extract(fd, manifest, b.p, 0, to, err);
		backup_own(
		    to, b.p, user[ROLE_ACCOUNT].uid, user[ROLE_ACCOUNT].gid);
		if (r == RC_OK && rehearse(conf, scratch, name) != EXIT_FINE)
			r = err_set(err, RC_DAMAGED,
			    "the rehearsed restore of %s failed", name);
		backup_remove(to, b.p);
		buf_fini(&b);
	}
	io_close(&to);
	json_decref(names);
	return r;
}

static int
verify(const struct conf *conf, const char *dir, struct err *err)
{
	struct buf name, scratch;
	json_t *manifest = NULL;
	int fd = -1, r;

	buf_init(&name, 4096);
	buf_init(&scratch, 4096);
	r = backup_find(dir, &fd, &name, err);
	if (r == RC_OK)
		r = backup_manifest(fd, &manifest, err);
	buf_addf(&scratch, "%s/../.scratch-XXXXXX", name.p);
	if (r == RC_OK && mkdtemp(scratch.p) == NULL)
		r = err_sys(err, RC_IO, errno, "%s", scratch.p);
	else if (r == RC_OK) {
		r = verify_in(conf, fd, manifest, scratch.p, err);
		backup_remove(AT_FDCWD, scratch.p);
	}
	if (r == RC_OK)
		printf("%s: %zu files, each as its checksum says\n", name.p,
		    json_array_size(json_object_get(manifest, "files")));
	else if (name.n > 0)
		fprintf(stderr, "%s is not whole\n", name.p);
	json_decref(manifest);
	io_close(&fd);
	buf_fini(&scratch);
	buf_fini(&name);
	return r;
}

static int
make_in(const struct conf *conf, const char *config, const char *dir,
    uint32_t keep, struct err *err)
{
	int fd, r;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_sys(err, RC_IO, errno, "%s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		io_close(&fd);
		return err_set(
		    err, RC_TEMP, "another backup into %s is going on", dir);
	}
	clear_up(fd, 0);
	r = make(conf, config, dir, fd, err);
	if (r == RC_OK)
		clear_up(fd, (long)keep);
	io_close(&fd);
	return r;
}

struct words {
	const char *dir;
	bool verify;
	uint32_t keep; /* 0: all */
};

static int
read_words(struct words *w, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--verify") == 0)
			w->verify = true;
		else if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc) {
			if (sv_to_u32(sv_str(argv[++i]), 100000, &w->keep) !=
				RC_OK ||
			    w->keep == 0)
				return command_fail("backup", EXIT_USAGE,
				    "--keep \"%s\": how many backups stay, at "
				    "least 1; without it all do",
				    argv[i]);
		} else if (w->dir == NULL && argv[i][0] != '-')
			w->dir = argv[i];
		else
			return command_fail("backup", EXIT_USAGE, USAGE);
	if (w->dir == NULL)
		return command_fail("backup", EXIT_USAGE, USAGE);
	if (w->verify && w->keep > 0)
		return command_fail("backup", EXIT_USAGE,
		    "--keep does not go with --verify, which removes nothing");
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
	r = w.verify ? verify(conf, w.dir, &err)
		     : make_in(conf, config, w.dir, w.keep, &err);
	conf_free(&conf);
	return r == RC_OK ? EXIT_FINE
			  : command_fail("backup", EXIT_FAILED, "%s", err.text);
}
