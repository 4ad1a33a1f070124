/*
 * Mail from elsewhere into an account, through the running server: from
 * files, or from another IMAP server.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/command/command.h"
#include "cmd/command/transfer.h"

#define USAGE                                                          \
	"usage: import ACCOUNT SOURCE... [--format maildir|mbox|eml] " \
	"[--into FOLDER] [--folder F]... [--password-file FILE] "      \
	"[--fingerprint SHA256] [--again]"

/* ---- the worker ---- */

static int
from_source(struct exchange_order *o, const struct sink *sink, struct err *err)
{
	switch (o->format) {
	case FORMAT_MAILDIR:
		return from_maildir(&o->x, sink, err);
	case FORMAT_MBOX:
		return from_mbox(&o->x, o->path, sink, err);
	case FORMAT_EML:
		return from_eml(&o->x, sink, err);
	case FORMAT_IMAP:
		return from_imap(&o->x, o->there, sink, err);
	case FORMAT_NONE:
		break;
	}
	return err_set(err, RC_NOSUPPORT, "no such format");
}

static int
once(struct exchange_order *o, struct err *err)
{
	struct to_imap *to;
	struct sink sink;
	int r = exchange_find_folders(o, from_source, err);

	if (r != RC_OK)
		return r;
	to = to_imap_new(&o->x, o->here, o->state);
	r = to_imap_begin(to, err);
	to_imap_sink(to, &sink);
	if (r == RC_OK)
		r = from_source(o, &sink, err);
	if (r == RC_OK)
		r = to_imap_end(to, err);
	else
		to_imap_save(to);
	to_imap_free(&to);
	return r;
}

static int
work(struct broker *b, void *arg)
{
	return exchange_work(arg, b, "imported", once);
}

/* ---- what is it? ---- */

static bool
ends_in(const char *name, const char *end)
{
	return sv_ends(sv_str(name), sv_str(end));
}

/* By the names in the folder: nothing is opened. */
static enum exchange_format
guess(int folder)
{
	bool maildir = false, mbox = false, eml = false;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *n = e->d_name;
		struct stat st;
		struct buf b;

		buf_init(&b, 1024);
		buf_addf(&b, "%s/cur", n);
		maildir =
		    maildir || strcmp(n, "cur") == 0 ||
		    (strcmp(n, "..") != 0 && fstatat(folder, b.p, &st, 0) == 0);
		buf_reset(&b);
		buf_addf(&b, "%s/index.tsv", n);
		eml =
		    eml || ends_in(n, ".eml") ||
		    (strcmp(n, "..") != 0 && fstatat(folder, b.p, &st, 0) == 0);
		mbox = mbox || ends_in(n, ".mbox") || ends_in(n, ".sbd") ||
		       ends_in(n, ".msf");
		buf_fini(&b);
	}
	if (d != NULL)
		(void)closedir(d);
	else
		io_close(&fd);
	return maildir ? FORMAT_MAILDIR
	       : eml   ? FORMAT_EML
	       : mbox  ? FORMAT_MBOX
		       : FORMAT_NONE;
}

/* Its first bytes only; no folder is made for what is none.  An empty file is
 * an empty mbox. */
static int
check_mbox(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char start[512];
	struct sv s;
	ssize_t n;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%.100s", path);
	n = read(fd, start, sizeof start);
	io_close(&fd);
	if (n < 0)
		return err_sys(err, RC_IO, errno, "%.100s", path);
	s = sv_of(start, (size_t)n);
	while (s.n > 0 && (s.p[0] == '\n' || s.p[0] == '\r'))
		s = sv_skip(s, 1);
	if (s.n > 0 && !sv_starts(s, SV("From ")))
		return err_set(err, RC_PERM,
		    "%.90s: it is not an mbox: it does not begin with \"From "
		    "\"",
		    path);
	return RC_OK;
}

/* The folder, and for a file the name in it; path_out is to be freed. */
static int
open_place(
    struct exchange_order *o, char *real, int *folder_out, struct err *err)
{
	struct stat st;
	int fd, r;

	if (stat(real, &st) != 0)
		return err_sys(err, RC_NOTFOUND, errno, "%s", real);
	o->path = "";
	if (!S_ISDIR(st.st_mode)) {
		char *slash = strrchr(real, '/');

		if (o->format != FORMAT_NONE && o->format != FORMAT_MBOX)
			return err_set(err, RC_PERM,
			    "%s is a file, and only an mbox is one", real);
		r = check_mbox(real, err);
		if (r != RC_OK)
			return r;
		o->format = FORMAT_MBOX;
		o->path = slash + 1;
		*slash = '\0';
	}
	fd = open(
	    real[0] != '\0' ? real : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", real);
	if (o->format == FORMAT_NONE)
		o->format = guess(fd);
	if (o->format == FORMAT_NONE) {
		io_close(&fd);
		return err_set(err, RC_PERM,
		    "%.90s: what is it? --format maildir, mbox or eml", real);
	}
	*folder_out = fd;
	return RC_OK;
}

/* ---- one source ---- */

static int
run(struct exchange_order *o, const char *identity, int folder)
{
	struct broker_job job = {.conf = o->conf,
	    .command = "import",
	    .account = o->account,
	    .who = exchange_who(o, identity),
	    .folder = folder,
	    .state = -1,
	    .host = o->server.host,
	    .port = o->server.port,
	    .before = exchange_before,
	    .work = work,
	    .arg = o};
	struct err err;
	int code;

	if (exchange_state_open(o, identity, &job.state, &err) != RC_OK)
		return command_fail("import", EXIT_FAILED, "%s", err.text);
	code = broker_run(&job);
	io_close(&o->state_read);
	io_close(&job.state);
	return code;
}

static int
one_server(struct exchange_order *o)
{
	struct buf identity;
	struct err err;
	int code;

	if (exchange_server_prepare(o, &err) != RC_OK)
		return command_fail("import", EXIT_FAILED, "%s", err.text);
	o->format = FORMAT_IMAP;
	buf_init(&identity, 4096);
	buf_addf(&identity, "imap://%s@%s:%s", o->server.user, o->server.host,
	    o->server.port);
	code = run(o, identity.p, -1);
	buf_fini(&identity);
	return code;
}

static int
one_place(struct exchange_order *o)
{
	char *real = realpath(o->place, NULL), *identity;
	int folder = -1, code;
	struct err err;

	if (real == NULL)
		return command_fail(
		    "import", EXIT_FAILED, "%s: %s", o->place, strerror(errno));
	identity = xstrdup(real);
	if (open_place(o, real, &folder, &err) != RC_OK)
		code = command_fail("import", EXIT_FAILED, "%s", err.text);
	else
		code = run(o, identity, folder);
	io_close(&folder);
	free(identity);
	free(real);
	return code;
}

static int
one(const struct exchange_order *order, const char *place)
{
	struct exchange_order o = *order;
	struct err err;
	int code;

	o.place = place;
	o.state_read = -1;
	switch (exchange_server_parse(place, &o.server, &err)) {
	case RC_OK:
	case RC_NOTFOUND:
		code = exchange_check_options(&o);
		if (code == EXIT_FINE)
			code = o.server.host != NULL ? one_server(&o)
						     : one_place(&o);
		break;
	default:
		code = command_fail("import", EXIT_USAGE, "%s", err.text);
		break;
	}
	exchange_server_fini(&o.server);
	return code;
}

int
cmd_import(const char *config, int argc, char **argv)
{
	struct exchange_order o = {.command = "import"};
	int n, i, code;
	struct conf *conf;

	code = exchange_words(&o, argc, argv, &n);
	if (code == EXIT_FINE && n < 2)
		code = command_fail("import", EXIT_USAGE, USAGE);
	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	/* What happens is said in words, not by log lines. */
	log_setup("import", LOG_NOTHING);
	o.conf = conf;
	o.account = argv[1];
	code = exchange_check_account(&o);
	for (i = 2; i <= n && code != EXIT_USAGE; i++) {
		int one_code =
		    code == EXIT_FINE || i > 2 ? one(&o, argv[i]) : code;

		if (one_code != EXIT_FINE)
			code = one_code;
	}
	conf_free(&conf);
	return code;
}
