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
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/command/command.h"
#include "cmd/command/transfer.h"
#include "imap/transfer/archive.h"
#include "imap/transfer/disk.h"
#include "imap/transfer/look.h"
#include "imap/transfer/mh.h"

#define PEEKS_MAX  2000
#define LEVELS_MAX 4

/* ---- the worker ---- */

static int
from_source(struct transfer_order *o, const struct sink *sink, struct err *err)
{
	switch (o->format) {
	case FORMAT_MAILDIR:
		return from_maildir(&o->x, sink, err);
	case FORMAT_MBOX:
		return from_mbox(&o->x, o->path, sink, err);
	case FORMAT_EML:
		return from_eml(&o->x, o->path, sink, err);
	case FORMAT_IMAP:
		return from_imap(&o->x, o->there, sink, err);
	case FORMAT_NONE:
		break;
	}
	return err_set(err, RC_NOSUPPORT, "no such format");
}

/* What an archive has is found out here, as its bytes are a stranger's. */
static int
open_archive(struct transfer_order *o, struct err *err)
{
	static const enum archive_content wanted[] = {
	    [FORMAT_MAILDIR] = ARCHIVE_HAS_MAILDIR,
	    [FORMAT_MBOX] = ARCHIVE_HAS_MBOX,
	    [FORMAT_EML] = ARCHIVE_HAS_EML,
	    [FORMAT_IMAP] = ARCHIVE_HAS_NOTHING};
	static const enum transfer_format formats[] = {
	    [ARCHIVE_HAS_MAILDIR] = FORMAT_MAILDIR,
	    [ARCHIVE_HAS_MBOX] = FORMAT_MBOX,
	    [ARCHIVE_HAS_EML] = FORMAT_EML};
	struct archive_found found = {.content = ARCHIVE_HAS_NOTHING};
	struct broker *b = o->x.broker;
	struct err why;
	int r;

	if (!o->packed || o->archive != NULL)
		return RC_OK;
	r = archive_open(b, &o->report, o->path, &o->archive, &why);
	if (r == RC_OK) {
		b->archive = o->archive;
		r = archive_enter(
		    o->archive, o->inner, wanted[o->format], &found, &why);
	}
	/* Nothing of that passes with time. */
	if (r != RC_OK)
		return err_set(
		    err, RC_PERM, "%.40s: %.110s", o->path, why.text);
	o->format = formats[found.content];
	o->path = found.file;
	return RC_OK;
}

static int
once(struct transfer_order *o, struct err *err)
{
	struct to_imap *to;
	struct sink sink;
	int r = open_archive(o, err);

	if (r == RC_OK)
		r = transfer_find_folders(o, from_source, err);
	if (r != RC_OK)
		return r;
	to = to_imap_new(&o->x, o->here, o->state);
	r = to_imap_begin(to, err);
	if (r == RC_OK && to_imap_wants_survey(to)) {
		to_imap_survey_sink(to, &sink);
		o->report.quiet = true;
		r = from_source(o, &sink, err);
		o->report.quiet = false;
		if (r == RC_OK)
			to_imap_surveyed(to);
		report_begin(&o->report);
	}
	return transfer_into_imap(o, &to, r, from_source, err);
}

static int
work(struct broker *b, void *arg)
{
	struct transfer_order *o = arg;
	int code = transfer_work(o, b, "imported", once);

	archive_free(&o->archive);
	return code;
}

/* ---- what is it? ---- */

static bool
ends_in(const char *name, const char *end)
{
	return sv_ends(sv_str(name), sv_str(end));
}

/* Apple Mail's messages are deep below. */
static bool
has_emlx(int at, unsigned depth)
{
	int fd =
	    openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	bool found = false;
	int below;

	while (!found && d != NULL && (e = readdir(d)) != NULL) {
		found = ends_in(e->d_name, ".emlx");
		if (found || e->d_name[0] == '.' || depth == 10 ||
		    (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		below = openat(dirfd(d), e->d_name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below >= 0)
			found = has_emlx(below, depth + 1);
		io_close(&below);
	}
	if (d != NULL)
		(void)closedir(d);
	else
		io_close(&fd);
	return found;
}

/* Programs that keep an mbox for each folder often name it like the folder:
 * then five bytes of a file say it; MH's and its like's are called by numbers.
 */
static enum transfer_format
look_inside(int folder, struct dirent *e)
{
	char start[4096];
	struct sv s;
	ssize_t n;
	int file;

	if (e->d_name[0] == '.' ||
	    (e->d_type != DT_REG && e->d_type != DT_UNKNOWN))
		return FORMAT_NONE;
	file = openat(
	    folder, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = file >= 0 ? read(file, start, sizeof start) : -1;
	io_close(&file);
	s = sv_of(start, n > 0 ? (size_t)n : 0);
	if (sv_starts(s, SV("From ")))
		return FORMAT_MBOX;
	return mh_is_message(sv_str(e->d_name)) &&
		       look_why_not(s, false) == NULL
		   ? FORMAT_EML
		   : FORMAT_NONE;
}

static bool
has(int folder, const char *dir, const char *name)
{
	struct stat st;
	struct buf b;
	bool found;

	buf_init(&b, 1024);
	buf_addf(&b, "%s/%s", dir, name);
	found = strcmp(dir, "..") != 0 && buf_ok(&b) &&
		fstatat(folder, b.p, &st, 0) == 0;
	buf_fini(&b);
	return found;
}

/* A bit for each format. */
static unsigned
look_at(int folder, struct dirent *e)
{
	const char *n = e->d_name;
	unsigned seen = 0;

	if (strcmp(n, "cur") == 0 || has(folder, n, "cur"))
		seen |= 1u << FORMAT_MAILDIR;
	if (disk_ends(sv_str(n), SV(".eml")) || mh_is_mark(sv_str(n)) ||
	    has(folder, n, "index.tsv") || has(folder, n, MH_SEQUENCES))
		seen |= 1u << FORMAT_EML;
	if (disk_strip(sv_str(n)).n < strlen(n) ||
	    disk_ends(sv_str(n), SV(".msf")))
		seen |= 1u << FORMAT_MBOX;
	if (strcmp(n, "prefs.js") == 0)
		seen |= 1u << FORMAT_NONE; /* a profile of Thunderbird's */
	return seen;
}

/* By the names in the folder first. */
static enum transfer_format
guess_here(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	enum transfer_format inside = FORMAT_NONE;
	unsigned seen = 0, looked = 0;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		seen |= look_at(folder, e);
		if (seen == 0 && inside == FORMAT_NONE && looked++ < PEEKS_MAX)
			inside = look_inside(folder, e);
	}
	if (d != NULL)
		(void)closedir(d);
	else
		io_close(&fd);
	if ((seen & 1u << FORMAT_NONE) != 0)
		return FORMAT_MBOX;
	if ((seen & 1u << FORMAT_MAILDIR) != 0)
		return FORMAT_MAILDIR;
	if ((seen & 1u << FORMAT_EML) != 0 || has_emlx(folder, 0))
		return FORMAT_EML;
	return (seen & 1u << FORMAT_MBOX) != 0 ? FORMAT_MBOX : inside;
}

/* What is so many levels below; where there are several, Maildirs first. */
static enum transfer_format
guess_below(int folder, unsigned depth, bool *deeper)
{
	enum transfer_format best = FORMAT_NONE, f;
	struct dirent *e;
	int fd, below;
	DIR *d;

	if (depth == 0)
		return guess_here(folder);
	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
			continue;
		below = openat(folder, e->d_name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below < 0)
			continue;
		*deeper = *deeper || depth == 1;
		f = guess_below(below, depth - 1, deeper);
		best = f != FORMAT_NONE && (best == FORMAT_NONE || f < best)
			   ? f
			   : best;
		io_close(&below);
	}
	if (d != NULL)
		(void)closedir(d);
	else
		io_close(&fd);
	return best;
}

static enum transfer_format
guess(int folder)
{
	enum transfer_format f = FORMAT_NONE;
	bool deeper = true;
	unsigned depth;

	for (depth = 0; f == FORMAT_NONE && deeper && depth <= LEVELS_MAX;
	     depth++) {
		deeper = depth == 0;
		f = guess_below(folder, depth, &deeper);
	}
	return f;
}

/* Its first bytes only; no folder is made for what is none.  An empty file is
 * an empty mbox. */
static int
check_file(struct transfer_order *o, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *why;
	char start[4096];
	struct sv s;
	ssize_t n;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%.100s", path);
	n = read(fd, start, sizeof start);
	io_close(&fd);
	if (n < 0)
		return err_sys(err, RC_IO, errno, "%.100s", path);
	s = sv_of(start, (size_t)n);
	o->packed = archive_kind(s) != ARCHIVE_NONE;
	if (o->packed)
		return RC_OK;
	if (o->inner[0] != '\0')
		return err_set(
		    err, RC_PERM, "%.120s: it is not an archive", path);
	if (o->format == FORMAT_MAILDIR)
		return err_set(err, RC_PERM,
		    "%.80s is a file, and a Maildir is a folder", path);
	if (o->format != FORMAT_MBOX && look_message_file(sv_str(path), s)) {
		o->format = FORMAT_EML;
		return RC_OK;
	}
	why = look_foreign(s);
	if (o->format == FORMAT_EML)
		return err_set(err, RC_PERM, "%.70s: %s", path,
		    why != NULL			? why
		    : sv_starts(s, SV("From ")) ? "it is not an .eml file but "
						  "an mbox: it begins with "
						  "\"From \""
						: "it does not look like a "
						  "message: it has no header");
	o->format = FORMAT_MBOX;
	while (s.n > 0 && (s.p[0] == '\n' || s.p[0] == '\r'))
		s = sv_skip(s, 1);
	if (s.n > 0 && !sv_starts(s, SV("From "))) {
		return err_set(err, RC_PERM, "%.70s: %s", path,
		    why != NULL
			? why
			: "it is not an mbox: it does not begin with "
			  "\"From \"; nor is it a message or an archive");
	}
	return RC_OK;
}

/* The folder, and for a file the name in it; path_out is to be freed. */
static int
open_place(
    struct transfer_order *o, char *real, int *folder_out, struct err *err)
{
	struct stat st;
	int fd, r;

	if (stat(real, &st) != 0)
		return err_sys(err, RC_NOTFOUND, errno, "%s", real);
	o->path = "";
	if (!S_ISDIR(st.st_mode)) {
		char *slash = strrchr(real, '/');

		r = check_file(o, real, err);
		if (r != RC_OK)
			return r;
		o->path = slash + 1;
		*slash = '\0';
	}
	fd = open(
	    real[0] != '\0' ? real : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", real);
	if (o->format == FORMAT_NONE && !o->packed)
		o->format = guess(fd);
	if (o->format == FORMAT_NONE && !o->packed) {
		io_close(&fd);
		return err_set(err, RC_PERM,
		    "there is no mail in %.90s: no Maildir (cur), mbox "
		    "(NAME.mbox, .sbd, .msf or \"From \" at the beginning), "
		    ".eml or .emlx file, MH folder (.mh_sequences); --format "
		    "says what it is if that is wrong",
		    real);
	}
	*folder_out = fd;
	return RC_OK;
}

/* ---- one source ---- */

static int
run(struct transfer_order *o, const char *identity, int folder)
{
	struct broker_job job = {.conf = o->conf,
	    .command = "import",
	    .account = o->account,
	    .who = transfer_who(o, identity),
	    .folder = folder,
	    .state = -1,
	    .host = o->server.host,
	    .port = o->server.port,
	    .before = transfer_before,
	    .work = work,
	    .arg = o};
	struct err err;
	int code;

	if (transfer_state_open(o, identity, &job.state, &err) != RC_OK)
		return command_fail("import", EXIT_FAILED, "%s", err.text);
	code = broker_run(&job);
	io_close(&o->state_read);
	io_close(&job.state);
	return code;
}

static int
one_server(struct transfer_order *o)
{
	struct buf identity;
	struct err err;
	int code;

	if (transfer_server_prepare(o, &err) != RC_OK)
		return command_fail("import", EXIT_FAILED, "%s", err.text);
	o->format = FORMAT_IMAP;
	buf_init(&identity, 4096);
	buf_addf(&identity, "imap://%s@%s:%s", o->server.user, o->server.host,
	    o->server.port);
	code = run(o, identity.p, -1);
	buf_fini(&identity);
	return code;
}

/* Where it is on the disk; a path may go on inside of an archive. */
static char *
find_place(const char *place, const char **inner_out)
{
	struct stat st;
	char *path = xstrdup(place), *real, *cut;
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	*inner_out = "";
	real = realpath(path, NULL);
	while (real == NULL && (errno == ENOTDIR || errno == ENOENT) &&
	       (cut = strrchr(path, '/')) != NULL && cut != path) {
		*cut = '\0';
		if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		real = realpath(path, NULL);
		*inner_out = place + (cut - path) + 1;
	}
	free(path);
	return real;
}

/*
 * What a second run is known by.  Archives that are made anew have another
 * number or date in their name each time: that does not count.
 */
static char *
identity_of(const struct transfer_order *o, const char *real)
{
	const char *name = strrchr(real, '/') + 1, *p;
	struct buf b;

	if (!o->packed)
		return xstrdup(real);
	buf_init(&b, 16384);
	buf_add(&b, real, (size_t)(name - real));
	for (p = name; *p != '\0'; p++)
		if (!ascii_is_digit(*p))
			buf_addc(&b, *p);
		else if (p == name || !ascii_is_digit(p[-1]))
			buf_addc(&b, '#');
	buf_addf(&b, "/%s", o->inner);
	return buf_take(&b);
}

static int
one_place(struct transfer_order *o)
{
	char *real = find_place(o->place, &o->inner), *whole, *identity = NULL;
	int folder = -1, code;
	struct err err;

	if (real == NULL)
		return command_fail(
		    "import", EXIT_FAILED, "%s: %s", o->place, strerror(errno));
	whole = xstrdup(real);
	o->self = strrchr(whole, '/') + 1;
	if (open_place(o, real, &folder, &err) != RC_OK) {
		code = command_fail("import", EXIT_FAILED, "%s", err.text);
	} else {
		identity = identity_of(o, whole);
		code = run(o, identity, folder);
	}
	io_close(&folder);
	free(identity);
	free(whole);
	free(real);
	return code;
}

static int
one(const struct transfer_order *order, const char *place)
{
	struct transfer_order o = *order;
	struct err err;
	int code;

	o.place = place;
	o.state_read = -1;
	switch (transfer_server_parse(place, &o.server, &err)) {
	case RC_OK:
	case RC_NOTFOUND:
		code = transfer_check_options(&o);
		if (code == EXIT_FINE)
			code = o.server.host != NULL ? one_server(&o)
						     : one_place(&o);
		break;
	default:
		code = command_misused("import", "%s", err.text);
		break;
	}
	transfer_server_fini(&o.server);
	return code;
}

int
cmd_import(const char *config, int argc, char **argv)
{
	struct transfer_order o = {.command = "import"};
	int n, i, code;
	struct conf *conf;

	code = transfer_words(&o, argc, argv, &n);
	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	/* What happens is printed for people, not logged. */
	log_setup("import", LOG_NOTHING);
	o.conf = conf;
	o.account = argv[1];
	code = transfer_check_account(&o);
	for (i = 2; i <= n && code != EXIT_USAGE; i++) {
		int one_code =
		    code == EXIT_FINE || i > 2 ? one(&o, argv[i]) : code;

		if (one_code != EXIT_FINE)
			code = one_code;
	}
	conf_free(&conf);
	return code;
}
