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
#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/restore.h"
#include "cmd/command/restored.h"
#include "journal/journal.h"
#include "store/fsck.h"

#define ASIDE	    "before-restore-"
#define CONFIG_FILE "config/hearthmail.yaml"

/* ---- what is there already ---- */

static bool
has_entries(int dirfd, const char *path)
{
	int fd = backup_folder(dirfd, path);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	bool found = false;

	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return found;
}

/* Segments; a started server makes the folders. */
static bool
has_mail(int dirfd, const char *accounts)
{
	int fd = backup_folder(dirfd, accounts);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct buf b;
	bool found = false;

	buf_init(&b, 4096);
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		buf_reset(&b);
		buf_addf(&b, "%s/%s/log", accounts, e->d_name);
		found = e->d_name[0] != '.' && has_entries(dirfd, b.p);
	}
	if (d != NULL)
		closedir(d);
	buf_fini(&b);
	return found;
}

/* Anything but folders: a server that was never used leaves those. */
static bool
has_files(int above, const char *path)
{
	int fd = backup_folder(above, path);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	bool found = false;

	if (fd < 0)
		return errno != ENOENT;
	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = strcmp(e->d_name, ".") != 0 &&
			strcmp(e->d_name, "..") != 0 &&
			has_files(dirfd(d), e->d_name);
	if (d != NULL)
		closedir(d);
	return found;
}

/* A folder that nobody has used: two restores may fall into one second. */
static int
make_aside(struct restore *x)
{
	size_t n = strlen(ASIDE);

	if (x->aside[0] != '\0')
		return RC_OK;
	(void)snprintf(x->aside, sizeof x->aside, ASIDE);
	backup_stamp(x->aside + n);
	n = strlen(x->aside);
	for (unsigned i = 2; mkdirat(x->data, x->aside, 0711) != 0; i++) {
		if (errno != EEXIST)
			return RC_IO;
		(void)snprintf(x->aside + n, sizeof x->aside - n, "-%u", i);
	}
	return RC_OK;
}

/* Moves it to DATA/before-restore-.../path. */
static int
move_aside(struct restore *x, const char *path, struct err *err)
{
	struct buf to;
	int r = RC_OK;

	if (faccessat(x->data, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return RC_OK;
	if (!has_files(x->data, path)) {
		backup_remove(x->data, path);
		return RC_OK;
	}
	buf_init(&to, 4096);
	r = make_aside(x);
	buf_addf(&to, "%s/%s", x->aside, path);
	if (r != RC_OK || backup_make_parents(x->data, to.p) != RC_OK ||
	    renameat(x->data, path, x->data, to.p) != 0)
		r = err_sys(err, RC_IO, errno, "%s", to.p);
	else
		printf("the previous data was moved to %s/%s\n", x->conf->data,
		    to.p);
	buf_fini(&to);
	return r;
}

/* ---- the whole of an account, in scratch ---- */

static int
prepare_account(struct restore *x, const char *name, struct err *err)
{
	struct buf prefix, path;
	int part = backup_folder(x->data, SCRATCH), r;
	unsigned bad = 0;

	buf_init(&prefix, 4096);
	buf_init(&path, 4096);
	buf_addf(&prefix, "data/accounts/%s/", name);
	r = backup_extract(
	    x->fd, x->manifest, prefix.p, strlen("data/"), part, &bad, err);
	buf_addf(&path, "accounts/%s", name);
	backup_own(
	    part, path.p, x->user[ROLE_ACCOUNT].uid, x->user[ROLE_ACCOUNT].gid);
	buf_reset(&path);
	buf_addf(&path, "%s/%s/accounts/%s", x->conf->data, SCRATCH, name);
	/* What a bad file has hidden of the others comes back. */
	if (r == RC_OK && bad > 0 &&
	    restored_mend(x->conf, "restore", path.p) == EXIT_FINE)
		printf("%s: everything readable was restored; messages that "
		       "lost their folder are in " FSCK_LOST_FOUND "\n",
		    name);
	if (r == RC_OK &&
	    restored_begin_anew(x->conf, "restore", path.p) != EXIT_FINE)
		r = err_set(err, RC_DAMAGED, "%s cannot be opened", name);
	x->bad += bad;
	io_close(&part);
	buf_fini(&path);
	buf_fini(&prefix);
	return r;
}

static int
make_scratch(struct restore *x, struct err *err)
{
	backup_remove(x->data, SCRATCH);
	if (mkdirat(x->data, SCRATCH, 0711) != 0 ||
	    mkdirat(x->data, SCRATCH "/accounts", 0711) != 0)
		return err_sys(err, RC_IO, errno, "%s/" SCRATCH, x->conf->data);
	return RC_OK;
}

/* From scratch to its place. */
static int
move_in(struct restore *x, const char *path, struct err *err)
{
	struct buf from;
	int r = RC_OK;

	buf_init(&from, 4096);
	buf_addf(&from, SCRATCH "/%s", path);
	if (faccessat(x->data, from.p, F_OK, 0) == 0 &&
	    renameat(x->data, from.p, x->data, path) != 0)
		r = err_sys(err, RC_IO, errno, "%s", path);
	buf_fini(&from);
	return r;
}

/* ---- everything ---- */

static const struct {
	const char *name;
	enum role role;
	bool root;
} parts[] = {
    {"accounts", ROLE_ACCOUNT, true},
    {"acme", ROLE_ACME, false},
    {"auth", ROLE_AUTH, false},
    {"import", ROLE_AUTH, true},
    {"spool", ROLE_QUEUE, false},
    {"tls", ROLE_AUTH, true},
};
#define NPARTS (sizeof parts / sizeof *parts)

static int
any_record(void *arg, const struct journal_record *rec)
{
	(void)arg;
	(void)rec;
	return RC_OK;
}

static int
open_spool(void *arg)
{
	const struct journal_opts o = {
	    .kind = {'s', 'p', 'o', 'l'}, .readonly = true};
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct journal_report report;
	struct journal *j = NULL;
	struct err err;
	int r = journal_open(fd, &o, &j, &err);

	if (r == RC_OK)
		r = journal_replay(j, NULL, any_record, arg, &report, &err);
	journal_close(&j);
	io_close(&fd);
	return r == RC_OK ? EXIT_FINE : EXIT_FAILED;
}

/* Of a queue that does not open no mail would leave any more. */
static void
queue_only(const struct restore *x, int part)
{
	struct buf path;

	if (faccessat(part, "spool/log", F_OK, 0) != 0)
		return;
	buf_init(&path, 4096);
	buf_addf(&path, "%s/" SCRATCH "/spool", x->conf->data);
	if (confined_run(x->conf, "restore", path.p, ROLE_QUEUE, open_spool,
		NULL) != EXIT_FINE &&
	    renameat(part, "spool", part, "auth/spool" BACKUP_DAMAGED) == 0)
		fprintf(stderr,
		    "the queue cannot be opened and starts empty; its "
		    "files are in auth/spool" BACKUP_DAMAGED "\n");
	buf_fini(&path);
}

/* A key without its certificate, or that without the key, would keep the server
 * from starting; without both it makes new ones. */
static void
pair_only(int part)
{
	static const char *const name[] = {"tls/cert.pem", "tls/key.pem"};

	for (size_t i = 0; i < 2; i++) {
		struct buf aside;

		if (faccessat(part, name[1 - i], F_OK, 0) == 0)
			continue;
		buf_init(&aside, 64);
		buf_addf(&aside, "%s" BACKUP_DAMAGED, name[i]);
		(void)!renameat(part, name[i], part, aside.p);
		buf_fini(&aside);
	}
}

static int
prepare_everything(struct restore *x, struct err *err)
{
	json_t *names = backup_accounts(x->manifest);
	int r = make_scratch(x, err), part = -1;

	for (size_t i = 0; i < json_array_size(names) && r == RC_OK; i++) {
		r = prepare_account(
		    x, json_string_value(json_array_get(names, i)), err);
		if (r != RC_DAMAGED)
			continue;
		/* That one stays as its files are, for a later repair; it
		 * keeps nobody else's from coming back. */
		fprintf(stderr,
		    "%s; its files are restored as they are; run: hearthmail "
		    "fsck --repair\n",
		    err->text);
		x->bad++;
		r = RC_OK;
	}
	part = backup_folder(x->data, SCRATCH);
	for (size_t i = 1; i < NPARTS && r == RC_OK; i++) {
		unsigned had = x->bad;
		struct buf prefix;

		buf_init(&prefix, 64);
		buf_addf(&prefix, "data/%s/", parts[i].name);
		r = backup_extract(x->fd, x->manifest, prefix.p,
		    strlen("data/"), part, &x->bad, err);
		if (!parts[i].root)
			backup_own(part, parts[i].name,
			    x->user[parts[i].role].uid,
			    x->user[parts[i].role].gid);
		if (r == RC_OK && x->bad > had && parts[i].role == ROLE_QUEUE)
			queue_only(x, part);
		buf_fini(&prefix);
	}
	if (r == RC_OK)
		pair_only(part);
	if (r == RC_OK && syncfs(part) != 0)
		r = err_sys(err, RC_IO, errno, "flush");
	io_close(&part);
	if (r == RC_OK)
		printf("%zu account%s with mail %s restored\n",
		    json_array_size(names), plural(json_array_size(names)),
		    each(json_array_size(names), "was", "were"));
	json_decref(names);
	return r;
}

static int
restore_everything(struct restore *x, struct err *err)
{
	int r;

	r = prepare_everything(x, err);
	for (size_t i = 0; i < NPARTS && r == RC_OK; i++) {
		r = move_aside(x, parts[i].name, err);
		if (r == RC_OK)
			r = move_in(x, parts[i].name, err);
	}
	if (r == RC_OK && (fsync(x->data) != 0))
		r = err_sys(err, RC_IO, errno, "flush");
	if (r == RC_OK)
		r = folders_make(x->conf, x->user, err);
	return r;
}

/* ---- one account ---- */

static int
lock_account(struct restore *x, int *fd, struct err *err)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct buf path;
	int r = RC_OK;

	buf_init(&path, 4096);
	buf_addf(&path, "accounts/%s/lock", x->account);
	*fd = openat(x->data, path.p, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (*fd >= 0 && fcntl(*fd, F_OFD_SETLK, &l) != 0)
		r = err_set(err, RC_TEMP, "%s is in use; stop the server first",
		    x->account);
	buf_fini(&path);
	return r;
}

static int
restore_account(struct restore *x, struct err *err)
{
	struct buf path, log;
	int lock = -1, r;

	buf_init(&path, 4096);
	buf_init(&log, 4096);
	buf_addf(&path, "accounts/%s", x->account);
	buf_addf(&log, "%s/log", path.p);
	r = lock_account(x, &lock, err);
	if (r == RC_OK && !x->force && has_entries(x->data, log.p))
		r = err_set(err, RC_EXISTS,
		    "%s has mail; --force moves it aside", x->account);
	if (r == RC_OK)
		r = make_scratch(x, err);
	if (r == RC_OK)
		r = prepare_account(x, x->account, err);
	if (r == RC_OK && has_entries(x->data, log.p))
		r = move_aside(x, path.p, err);
	else if (r == RC_OK)
		backup_remove(x->data, path.p);
	if (r == RC_OK)
		r = move_in(x, path.p, err);
	if (r == RC_OK && syncfs(x->data) != 0)
		r = err_sys(err, RC_IO, errno, "flush");
	io_close(&lock);
	buf_fini(&log);
	buf_fini(&path);
	return r;
}

/* ---- the command ---- */

/* The server's own lock: held while we work. */
static int
lock_server(struct restore *x, int *fd, struct err *err)
{
	*fd = openat(
	    x->data, "run/hearthmail.pid", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, RC_TEMP,
		    "the server is running on %.80s; stop it first",
		    x->conf->data);
	return RC_OK;
}

static bool
in_backup(const struct restore *x)
{
	json_t *names = backup_accounts(x->manifest);
	bool found = false;

	for (size_t i = 0; i < json_array_size(names); i++)
		found =
		    found || strcmp(json_string_value(json_array_get(names, i)),
				 x->account) == 0;
	json_decref(names);
	return found;
}

/* Before anything is written: is there a reason not to? */
static int
check(struct restore *x, int *lock, struct err *err)
{
	int r;

	x->data = open(x->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->account != NULL)
		return in_backup(x) ? RC_OK
				    : err_set(err, RC_NOTFOUND,
					  "the backup has no account \"%s\"",
					  x->account);
	if (x->data < 0)
		return RC_OK;
	r = lock_server(x, lock, err);
	if (r == RC_OK && !x->force &&
	    (has_mail(x->data, "accounts") ||
		faccessat(x->data, "auth/credentials", F_OK, 0) == 0))
		r = err_set(err, RC_EXISTS,
		    "%.60s is not empty; --force moves its contents aside",
		    x->conf->data);
	return r;
}

static int
manifest(struct restore *x, const char *name, struct err *err)
{
	int r = backup_manifest(x->fd, &x->manifest, err);

	if (r != RC_DAMAGED && r != RC_NOTFOUND)
		return r;
	fprintf(
	    stderr, "%s/%s: its contents are not reliable\n", name, err->text);
	x->bad++;
	return backup_manifest_anew(x->fd, &x->manifest, err);
}

static int
work(struct restore *x, const char *dir, struct err *err)
{
	struct buf name;
	const char *how;
	bool change;
	int lock = -1, r;

	users_find(x->user, &change, &how);
	buf_init(&name, 4096);
	r = backup_find(dir, &x->fd, &name, err);
	if (r == RC_OK && x->manifest == NULL)
		r = manifest(x, name.p, err);
	if (r == RC_OK)
		r = check(x, &lock, err);
	/* Of everything the folders come from the backup. */
	if (r == RC_OK)
		r = x->account == NULL ? folders_make_top(x->conf, err)
				       : folders_make(x->conf, x->user, err);
	if (r == RC_OK && x->data < 0) {
		x->data =
		    open(x->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (x->data < 0)
			r = err_sys(err, RC_IO, errno, "%s", x->conf->data);
	}
	if (r == RC_OK)
		r = x->account == NULL	? restore_everything(x, err)
		    : x->folder == NULL ? restore_account(x, err)
					: restore_pieces(x, err);
	if (x->data >= 0)
		backup_remove(x->data, SCRATCH);
	x->restored = r == RC_OK;
	if (r == RC_OK)
		printf("restored from %s\n", name.p);
	if (r == RC_OK && x->bad > 0 && !x->found)
		r = err_set(err, RC_DAMAGED,
		    "%u file%s of the backup %s damaged (named above); "
		    "everything else was restored",
		    x->bad, plural(x->bad), each(x->bad, "is", "are"));
	io_close(&lock);
	buf_fini(&name);
	return r;
}

static const json_t *
entry_of(const json_t *manifest, const char *path)
{
	const json_t *files = json_object_get(manifest, "files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *f = json_array_get(files, i);
		const char *p = json_string_value(json_object_get(f, "path"));

		if (p != NULL && strcmp(p, path) == 0)
			return f;
	}
	return NULL;
}

/* The backup's, if it is the one that was backed up: a changed one could send
 * everything anywhere. */
static int
read_config(struct restore *x, const char *dir, struct err *err)
{
	char sha[BACKUP_SHA];
	struct buf name;
	uint64_t n;
	int fd = -1, r;

	buf_init(&name, 4096);
	r = backup_find(dir, &x->fd, &name, err);
	if (r == RC_OK)
		r = backup_manifest(x->fd, &x->manifest, err);
	if (r == RC_OK) {
		fd = backup_open_file(x->fd, CONFIG_FILE, err);
		r = fd < 0 ? RC_IO : io_read_rest(fd, &x->config);
	}
	if (r == RC_OK &&
	    (backup_sum(fd, &n, sha) != RC_OK || n != x->config.n ||
		!backup_fits(entry_of(x->manifest, CONFIG_FILE), n, sha)))
		r = err_set(err, RC_DAMAGED,
		    "%.60s/" CONFIG_FILE " does not match its checksum",
		    name.p);
	io_close(&fd);
	io_close(&x->fd);
	buf_fini(&name);
	return r;
}

/* Without one the configuration comes from the backup, too: that is the one
 * that counts then. */
static int
load_conf(struct restore *x, const char *config, const char *dir,
    struct conf **conf, bool *from_backup)
{
	struct conf_errors errors;
	struct err err = {.text = ""};
	struct buf out;

	*from_backup = access(config, F_OK) != 0 && errno == ENOENT;
	if (!*from_backup) {
		*conf = command_conf(config);
		return *conf != NULL ? EXIT_FINE : EXIT_CONFIG;
	}
	if (read_config(x, dir, &err) != RC_OK)
		return command_fail("restore", EXIT_FAILED,
		    "%s does not exist, and the one in the backup cannot be "
		    "used: %s",
		    config, err.text);
	if (conf_parse(buf_sv(&x->config), CONFIG_FILE, conf, &errors) == RC_OK)
		return EXIT_FINE;
	buf_init(&out, 65536);
	conf_errors_print(&errors, CONFIG_FILE, &out);
	fputs(out.p, stderr);
	buf_fini(&out);
	return EXIT_CONFIG;
}

static int
take_config(const struct restore *x, const char *config, struct err *err)
{
	int r = io_replace_file(config, buf_sv(&x->config), 0644, err);

	if (r == RC_OK)
		printf("%s was restored from the backup\n", config);
	return r;
}

static int
read_words(struct restore *x, int argc, char **argv)
{
	const struct command_option options[] = {{"--force", .flag = &x->force},
	    {"--account", "its name", .text = &x->account},
	    {"--folder", "its name", .text = &x->folder},
	    {"--message", "which one", .text = &x->message}};
	const struct command_words words = {.command = "restore",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "one folder with a backup",
	    .least = 1,
	    .most = 1};
	int r = command_words(&words, argc, argv, NULL);

	if (r == EXIT_FINE && x->folder != NULL && x->account == NULL)
		return command_misused(
		    "restore", "--folder: of which account? Add --account");
	if (r == EXIT_FINE && x->message != NULL && x->folder == NULL)
		return command_misused("restore",
		    "--message: in which folder? Add --account and --folder");
	return r;
}

int
cmd_restore(const char *config, int argc, char **argv)
{
	struct restore x = {.fd = -1, .data = -1};
	struct err err = {.text = ""};
	const char *dir = NULL;
	bool from_backup;
	struct conf *conf = NULL;
	int r;

	r = read_words(&x, argc, argv);
	if (r != EXIT_FINE)
		return r;
	dir = argv[1];
	buf_init(&x.config, CONF_FILE_MAX);
	r = load_conf(&x, config, dir, &conf, &from_backup);
	if (r != EXIT_FINE) {
		json_decref(x.manifest);
		buf_fini(&x.config);
		return r;
	}
	log_setup("restore", LOG_NOTHING);
	x.conf = conf;
	r = work(&x, dir, &err);
	/* Last: what is refused writes nothing. */
	if ((r == RC_OK || (r == RC_DAMAGED && x.restored)) && from_backup) {
		struct err why = {.text = ""};
		int c = take_config(&x, config, &why);

		if (c != RC_OK) {
			r = c;
			err = why;
		}
	}
	json_decref(x.manifest);
	buf_fini(&x.config);
	io_close(&x.data);
	io_close(&x.fd);
	conf_free(&conf);
	return r == RC_OK
		   ? EXIT_FINE
		   : command_fail("restore", EXIT_FAILED, "%s", err.text);
}
