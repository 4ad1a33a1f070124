/*
 * An account's mail to elsewhere: into files, or to another IMAP server.  It
 * is read through a session of the running server, as any mail program does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/command/command.h"
#include "cmd/command/transfer.h"

/* ---- the worker ---- */

static int
from_here(struct transfer_order *o, const struct sink *to, struct err *err)
{
	return from_imap(&o->x, o->here, to, err);
}

static int
once_to_files(struct transfer_order *o, struct err *err)
{
	static const enum files_format formats[] = {
	    [FORMAT_MAILDIR] = FILES_MAILDIR,
	    [FORMAT_MBOX] = FILES_MBOX,
	    [FORMAT_EML] = FILES_EML};
	struct to_files *to;
	struct sink sink;
	int r = transfer_find_folders(o, from_here, err);

	if (r != RC_OK)
		return r;
	to = to_files_new(&o->x, formats[o->format]);
	to_files_sink(to, &sink);
	r = from_here(o, &sink, err);
	if (r == RC_OK)
		r = to_files_end(to, err);
	to_files_free(&to);
	return r;
}

static int
once_to_server(struct transfer_order *o, struct err *err)
{
	struct to_imap *to;
	int r = transfer_find_folders(o, from_here, err);

	if (r != RC_OK)
		return r;
	to = to_imap_new(&o->x, o->there, o->state);
	r = to_imap_begin(to, err);
	return transfer_into_imap(o, &to, r, from_here, err);
}

static int
work(struct broker *b, void *arg)
{
	struct transfer_order *o = arg;

	return transfer_work(o, b, "exported",
	    o->format == FORMAT_IMAP ? once_to_server : once_to_files);
}

/* ---- to a server ---- */

static int
to_server(struct transfer_order *o)
{
	struct broker_job job = {.conf = o->conf,
	    .command = "export",
	    .account = o->account,
	    .folder = -1,
	    .state = -1,
	    .host = o->server.host,
	    .port = o->server.port,
	    .before = transfer_before,
	    .work = work,
	    .arg = o};
	struct buf identity;
	struct err err;
	int code;

	if (transfer_server_prepare(o, &err) != RC_OK)
		return command_fail("export", EXIT_FAILED, "%s", err.text);
	o->format = FORMAT_IMAP;
	buf_init(&identity, 4096);
	buf_addf(&identity, "imap://%s@%s:%s", o->server.user, o->server.host,
	    o->server.port);
	job.who = transfer_who(o, identity.p);
	if (transfer_state_open(o, identity.p, &job.state, &err) != RC_OK)
		code = command_fail("export", EXIT_FAILED, "%s", err.text);
	else
		code = broker_run(&job);
	io_close(&o->state_read);
	io_close(&job.state);
	buf_fini(&identity);
	return code;
}

/* ---- to files ---- */

/* A new folder beside the one that is to be: what broke off never looks
 * whole. */
static int
make_part(const char *dir, const char *part, int *fd_out, struct err *err)
{
	struct stat st;

	if (lstat(dir, &st) == 0 && (!S_ISDIR(st.st_mode) || rmdir(dir) != 0))
		return err_set(err, RC_EXISTS,
		    "%.100s is there already; an export needs a new folder",
		    dir);
	if (mkdir(part, 0700) != 0 && errno == EEXIST)
		return err_set(err, RC_EXISTS,
		    "%.80s is of an export that broke off, or is being "
		    "written; remove it first",
		    part);
	*fd_out = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd_out < 0)
		return err_sys(err, RC_IO, errno, "%.100s", part);
	return RC_OK;
}

/* All of it is on the disk before it gets its name. */
static int
finish(const char *dir, const char *part, int fd, int code)
{
	struct err err;

	if (syncfs(fd) != 0 || rename(part, dir) != 0) {
		(void)err_sys(&err, RC_IO, errno, "%.100s", dir);
		return command_fail("export", EXIT_FAILED, "%s", err.text);
	}
	return code;
}

static int
to_folder(struct transfer_order *o)
{
	struct broker_job job = {.conf = o->conf,
	    .command = "export",
	    .account = o->account,
	    .who = transfer_who(o, o->place),
	    .folder = -1,
	    .may_write = true,
	    .state = -1,
	    .before = transfer_before,
	    .work = work,
	    .arg = o};
	struct sv place = sv_str(o->place);
	struct buf dir, part;
	struct err err;
	int code;

	while (place.n > 1 && place.p[place.n - 1] == '/')
		place.n--;
	if (o->format == FORMAT_NONE)
		o->format = FORMAT_MAILDIR;
	buf_init(&dir, 4096);
	buf_init(&part, 4096);
	buf_addsv(&dir, place);
	buf_addsv(&part, place);
	buf_adds(&part, ".part");
	if (make_part(dir.p, part.p, &job.folder, &err) != RC_OK) {
		code = command_fail("export", EXIT_FAILED, "%s", err.text);
	} else {
		code = broker_run(&job);
		if (faccessat(job.folder, FOLDERS_FILE, F_OK, 0) == 0)
			code = finish(dir.p, part.p, job.folder, code);
		else if (rmdir(part.p) != 0) /* nothing came: nothing stays */
			(void)command_fail("export", code,
			    "what there is of it is in %s", part.p);
	}
	io_close(&job.folder);
	buf_fini(&part);
	buf_fini(&dir);
	return code;
}

/* Only what the retention has kept can be shown as it was. */
static int
check_as_of(const struct transfer_order *o, struct err *err)
{
	char span[COMMAND_SPAN_MAX];
	int64_t now = clk_now();

	if (o->as_of == 0)
		return RC_OK;
	if (o->as_of > now)
		return err_set(
		    err, RC_SYNTAX, "--as-of is a time that is still to come");
	if (o->as_of < now - o->conf->retention_ms)
		return err_set(err, RC_NOTFOUND,
		    "what has left the folders is kept for %s "
		    "(`retention`), and that is longer ago; see backups",
		    command_span(o->conf->retention_ms, span));
	return RC_OK;
}

int
cmd_export(const char *config, int argc, char **argv)
{
	struct transfer_order o = {.command = "export", .state_read = -1};
	struct conf *conf;
	struct err err;
	int n, code = transfer_words(&o, argc, argv, &n);

	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	log_setup("export", LOG_NOTHING);
	o.conf = conf;
	o.account = argv[1];
	o.place = argv[2];
	code = transfer_check_account(&o);
	if (code != EXIT_FINE)
		goto out;
	if (check_as_of(&o, &err) != RC_OK) {
		code = command_fail("export", EXIT_FAILED, "%s", err.text);
		goto out;
	}
	switch (transfer_server_parse(o.place, &o.server, &err)) {
	case RC_OK:
	case RC_NOTFOUND:
		code = transfer_check_options(&o);
		if (code == EXIT_FINE)
			code = o.server.host != NULL ? to_server(&o)
						     : to_folder(&o);
		break;
	default:
		code = command_misused("export", "%s", err.text);
		break;
	}
	transfer_server_fini(&o.server);
out:
	conf_free(&conf);
	return code;
}
