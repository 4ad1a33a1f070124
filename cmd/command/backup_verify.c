/* `backup --verify`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/plural.h"
#include "cmd/command/backup_parts.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "cmd/command/restored.h"
#include "cmd/supervisor/users.h"
#include "store/fsck.h"

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
		    "%s: the restored mail differs from what was backed up",
		    x->name);
	else if (x->want == NULL)
		code = hand_over(x->out, &r);
	else
		code = EXIT_FINE;
	if (code == EXIT_FINE && x->want != NULL)
		printf("%s: %llu message%s in %llu folder%s, test restore "
		       "successful; %02x%02x%02x%02x%02x%02x%02x%02x\n",
		    x->name, (unsigned long long)r.messages, plural(r.messages),
		    (unsigned long long)r.mailboxes, plural(r.mailboxes),
		    r.digest[0], r.digest[1], r.digest[2], r.digest[3],
		    r.digest[4], r.digest[5], r.digest[6], r.digest[7]);
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
		code = restored_begin_anew(conf, "backup", path.p);
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
verify_account(const struct conf *conf, int fd, const json_t *manifest,
    const char *scratch, int to, const char *name)
{
	struct super_user user[ROLE_COUNT];
	struct err err = {.text = ""};
	const char *how;
	struct buf b;
	bool change;
	int r;

	users_find(user, &change, &how);
	buf_init(&b, 4096);
	buf_addf(&b, "data/accounts/%s/", name);
	/* They were named already. */
	r = backup_extract(fd, manifest, b.p, 0, to, NULL, &err);
	backup_own(to, b.p, user[ROLE_ACCOUNT].uid, user[ROLE_ACCOUNT].gid);
	if (r != RC_OK)
		(void)command_fail("backup", EXIT_FAILED,
		    "%s could not be test-restored: %s", name, err.text);
	else if (faccessat(to, b.p, F_OK, 0) != 0) {
		(void)command_fail("backup", EXIT_FAILED,
		    "%s: none of its files could be restored", name);
		r = RC_DAMAGED;
	} else if (rehearse(conf, scratch, name) != EXIT_FINE) {
		fprintf(stderr,
		    "the test restore of %s failed: damage was found\n", name);
		r = RC_DAMAGED;
	}
	backup_remove(to, b.p);
	buf_fini(&b);
	return r;
}

struct findings {
	unsigned bad;	   /* files */
	unsigned damaged;  /* accounts */
	unsigned untested; /* accounts: something else failed */
};

/* One sentence that says what the lines before it have said. */
static int
conclude(const struct findings *f, struct err *err)
{
	struct buf b;
	int r = f->bad > 0 || f->damaged > 0 ? RC_DAMAGED
		: f->untested > 0	     ? RC_TEMP
					     : RC_OK;

	buf_init(&b, ERR_TEXT_MAX);
	if (f->bad > 0)
		buf_addf(&b, "%u file%s", f->bad,
		    each(f->bad, " is missing or does not match its checksum",
			"s are missing or do not match their checksums"));
	else
		buf_adds(&b, "all files match their checksums");
	if (f->damaged > 0)
		buf_addf(&b,
		    ", %s the test restore of %u account%s found damage",
		    f->bad > 0 ? "and" : "but", f->damaged, plural(f->damaged));
	if (f->untested > 0)
		buf_addf(&b, ", %u account%s could not be test-restored",
		    f->untested, plural(f->untested));
	if (f->damaged + f->untested == 0)
		buf_adds(&b, "; all accounts were test-restored successfully");
	if (f->bad > 0)
		buf_adds(&b, "; the next backup copies damaged files again");
	else if (f->damaged > 0)
		buf_adds(&b, " that was there before the backup: see "
			     "hearthmail fsck");
	if (r != RC_OK)
		(void)err_set(err, r, "%s", b.p);
	buf_fini(&b);
	return r;
}

static int
verify_in(const struct conf *conf, int fd, const json_t *manifest,
    const char *scratch, struct err *err)
{
	json_t *names = backup_accounts(manifest);
	int to = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct findings f = {0};
	int r = backup_extract(fd, manifest, "", 0, -1, &f.bad, err);

	for (size_t i = 0; i < json_array_size(names) && r == RC_OK; i++) {
		int k = verify_account(conf, fd, manifest, scratch, to,
		    json_string_value(json_array_get(names, i)));

		f.damaged += k == RC_DAMAGED;
		f.untested += k != RC_OK && k != RC_DAMAGED;
	}
	io_close(&to);
	json_decref(names);
	return r == RC_OK ? conclude(&f, err) : r;
}

/* The next backup does not rely on anything in this one. */
static void
suspect(const char *name)
{
	struct buf path;
	int fd;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/../" BACKUP_SUSPECT, name);
	fd = open(path.p, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	io_close(&fd);
	buf_fini(&path);
}

int
backup_verify(const struct conf *conf, const char *dir, struct err *err)
{
	struct buf name, scratch;
	json_t *manifest = NULL;
	int fd = -1, r;
	size_t files;

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
	files = json_array_size(json_object_get(manifest, "files"));
	if (r == RC_OK)
		printf("%s: %zu file%s, all match their checksums\n", name.p,
		    files, plural(files));
	else if (name.n > 0) {
		bool damaged = r == RC_DAMAGED || manifest == NULL;
		struct err why = *err;

		(void)err_set(err, r, "%.120s %s: %s", name.p,
		    damaged ? "is damaged" : "could not be verified", why.text);
		if (damaged)
			suspect(name.p);
	}
	json_decref(manifest);
	io_close(&fd);
	buf_fini(&scratch);
	buf_fini(&name);
	return r;
}
