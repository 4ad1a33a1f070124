#include "cmd/supervisor/preflight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "cmd/run/name_service.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/listen.h"
#include "net/tls.h"

/* Is it there, but closed to this user? */
static bool
is_closed(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool closed = fd < 0 && errno == EACCES;

	io_close(&fd);
	return closed;
}

/* A folder can be made of path, or is there; else *file is what is in the
 * way. */
static bool
can_be_folder(const char *path, struct buf *file)
{
	struct stat st;
	size_t i, n = strlen(path);

	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		buf_reset(file);
		buf_add(file, path, i);
		if (stat(file->p, &st) != 0)
			return true;
		if (!S_ISDIR(st.st_mode))
			return false;
	}
	return true;
}

static void
check_data(const struct conf *conf, struct conf_errors *errors)
{
	struct buf file;

	buf_init(&file, 4096);
	if (!can_be_folder(conf->data, &file))
		conf_error_add(errors, conf->data_at,
		    "data: %.160s is a file, and a folder is wanted", file.p);
	buf_fini(&file);
}

static void
check_certificate(const struct conf *conf, struct conf_errors *errors)
{
	struct err err = {.text = ""};
	struct buf cert, key;
	bool made;

	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	certificate_paths(conf, &cert, &key);
	/* Without one of its own the server makes it. */
	made = conf->tls_certificate == NULL && access(cert.p, F_OK) != 0;
	if (!made && !is_closed(cert.p) && !is_closed(key.p) &&
	    certificate_load(conf, NULL, NULL, &err) != RC_OK)
		conf_error_add(
		    errors, certificate_place(conf), "tls: %s", err.text);
	buf_fini(&key);
	buf_fini(&cert);
}

static void
check_names(const struct conf *conf, struct conf_errors *errors)
{
	const struct conf_dns *d = &conf->dns;
	struct err err = {.text = ""};

	if ((d->root_hints != NULL && is_closed(d->root_hints)) ||
	    (d->trust_anchor != NULL && is_closed(d->trust_anchor)))
		return;
	if (name_service_check(conf, &err) != RC_OK)
		conf_error_add(errors, name_service_place(conf, &err),
		    "dns: %s", err.text);
}

static void
check_listens(const struct conf *conf, struct conf_errors *errors)
{
	struct err err = {.text = ""};
	size_t i;
	int s;

	for (s = 0; s < CONF_SERVICES; s++)
		for (i = 0; i < conf->nlisten[s]; i++)
			if (sockets_check(&conf->listen[s][i], &err) != RC_OK)
				conf_error_add(errors, conf->listen[s][i].at,
				    "listen.%s: %s",
				    conf_service_name((enum conf_service)s),
				    err.text);
}

void
preflight(const struct conf *conf, struct conf_errors *errors)
{
	check_data(conf, errors);
	check_certificate(conf, errors);
	check_names(conf, errors);
	check_listens(conf, errors);
}

/* Below or above each other, or the same. */
static bool
is_inside(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

/* Where it is, or will be once it has been made. */
static void
resolve(const char *path, struct buf *out)
{
	char *head = xstrdup(path), *real = NULL, *slash;
	size_t cut = strlen(path);

	while (
	    (real = realpath(cut > 0 ? head : ".", NULL)) == NULL && cut > 0) {
		slash = strrchr(head, '/');
		cut = slash == NULL ? 0 : (size_t)(slash - head);
		if (slash == head)
			break; /* the root is always there */
		head[cut] = '\0';
	}
	buf_reset(out);
	buf_adds(out, real != NULL ? real : "");
	if (path[cut] != '\0' && path[cut] != '/')
		buf_addc(out, '/');
	buf_adds(out, path + cut);
	free(real);
	free(head);
}

bool
preflight_inside_data(
    const struct conf *conf, const char *folder, struct err *err)
{
	struct buf a, b;
	bool inside;

	buf_init(&a, 2 * 4096);
	buf_init(&b, 2 * 4096);
	resolve(folder, &a);
	resolve(conf->data, &b);
	inside = is_inside(a.p, b.p);
	if (inside)
		(void)err_set(err, RC_PERM,
		    "%.160s is inside the data folder and would be lost with "
		    "it: take another disk",
		    folder);
	buf_fini(&b);
	buf_fini(&a);
	return inside;
}

bool
preflight_backup(const struct conf *conf, struct err *err)
{
	const char *folder = conf->backup.folder, *slash;
	struct buf path;
	bool bad = true;

	if (folder == NULL)
		return false;
	buf_init(&path, 4096);
	slash = strrchr(folder, '/');
	if (preflight_inside_data(conf, folder, err))
		;
	else if (!can_be_folder(folder, &path))
		(void)err_set(
		    err, RC_PERM, "%.200s is a file, not a folder", path.p);
	else {
		buf_reset(&path);
		buf_add(&path, folder, (size_t)(slash - folder));
		bad = slash != folder && access(path.p, F_OK) != 0 &&
		      errno == ENOENT;
		if (bad)
			(void)err_set(err, RC_NOTFOUND,
			    "there is no folder %.160s: is the disk mounted?",
			    path.p);
	}
	buf_fini(&path);
	return bad;
}

bool
preflight_relay(const struct conf_relay *r, struct err *err)
{
	struct buf password;
	bool waits = false;

	if (r->tls == CONF_TLS_VERIFY && access(TLS_CA_BUNDLE, R_OK) != 0) {
		(void)err_set(err, RC_NOTFOUND,
		    "no certificate can be verified "
		    "without " TLS_CA_BUNDLE
		    "; \"apt install ca-certificates\"");
		return true;
	}
	if (r->password_file == NULL)
		return false;
	buf_init(&password, 1024);
	if (io_read_file(r->password_file, &password, err) != RC_OK) {
		waits = true;
	} else if (sv_trim(buf_sv(&password)).n == 0) {
		(void)err_set(
		    err, RC_NOTFOUND, "%.200s is empty", r->password_file);
		waits = true;
	}
	buf_wipe(&password);
	return waits;
}

static bool
is_ours(int family, const char *address)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	(void)inet_pton(family, address,
	    family == AF_INET ? (void *)&four.sin_addr
			      : (void *)&six.sin6_addr);
	r = family == AF_INET ? bind(fd, (struct sockaddr *)&four, sizeof four)
			      : bind(fd, (struct sockaddr *)&six, sizeof six);
	r = r != 0 ? errno : 0;
	io_close(&fd);
	return r == 0;
}

bool
preflight_outbound(const struct conf *conf, struct err *err)
{
	const struct conf_outbound *o = &conf->outbound;
	const char *bad = NULL;

	if (o->source4 != NULL && !is_ours(AF_INET, o->source4))
		bad = o->source4;
	else if (o->source6 != NULL && !is_ours(AF_INET6, o->source6))
		bad = o->source6;
	if (bad != NULL)
		(void)err_set(err, RC_NOTFOUND,
		    "outbound.source: %s is not an address of this machine",
		    bad);
	return bad != NULL;
}

/* Its owner may change it, too; root and the server's own user are trusted. */
static bool
is_foreign(const struct stat *st)
{
	return st->st_uid != 0 && st->st_uid != geteuid();
}

/* One of the folders down to the file's that lets others replace what is in it;
 * where the sticky bit is set only the owner may do that, of the file or of the
 * folder.  false: there is none. */
static bool
find_open_folder(const char *path, struct buf *out)
{
	const char *slash = strrchr(path, '/');
	char *real = NULL;
	bool open = false;
	struct stat st;
	size_t n;

	buf_reset(out);
	buf_add(out, path,
	    slash == NULL  ? 0
	    : slash > path ? (size_t)(slash - path)
			   : 1);
	real = realpath(out->n > 0 ? out->p : ".", NULL);
	buf_reset(out);
	buf_adds(out, real != NULL ? real : "");
	while (out->n > 0 && !open) {
		open = stat(out->p, &st) == 0 &&
		       (is_foreign(&st) || ((st.st_mode & S_IWOTH) != 0 &&
					       (st.st_mode & S_ISVTX) == 0));
		n = sv_rchr(buf_sv(out), '/');
		if (!open)
			buf_truncate(out, n > 0 || out->n == 1 ? n : 1);
	}
	free(real);
	return open;
}

/* Itself, or by way of a folder above it or above what a link leads to. */
static unsigned
check_config(
    const char *path, void (*fn)(void *arg, const char *text), void *arg)
{
	char *real = realpath(path, NULL);
	struct buf folder, text;
	struct stat st;
	bool bad;

	buf_init(&folder, 4096);
	buf_init(&text, 3 * 4096);
	if (real != NULL && stat(real, &st) == 0) {
		if (is_foreign(&st) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
			buf_addf(&text,
			    "others can change %s: chown root and chmod go-w",
			    path);
		else if (find_open_folder(path, &folder) ||
			 find_open_folder(real, &folder))
			buf_addf(&text,
			    "others can change %s, since its folder %s is "
			    "theirs or writable for them: chown root and "
			    "chmod o-w",
			    path, folder.p);
	}
	bad = text.n > 0;
	if (bad)
		fn(arg, text.p);
	free(real);
	buf_fini(&text);
	buf_fini(&folder);
	return bad;
}

struct telling {
	void (*fn)(void *arg, const char *text);
	void *arg;
	unsigned n;
};

static void
check_secret(struct telling *t, const char *what, const char *path)
{
	struct stat st;
	struct buf b;

	if (stat(path, &st) != 0)
		return;
	buf_init(&b, 8192);
	if ((st.st_mode & S_IROTH) != 0)
		buf_addf(&b, "everybody can read the %s %s: chmod o-rwx", what,
		    path);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		buf_addf(
		    &b, "others can change the %s %s: chmod go-w", what, path);
	if (b.n > 0) {
		t->fn(t->arg, b.p);
		t->n++;
	}
	buf_fini(&b);
}

unsigned
preflight_open_files(const struct conf *conf, const char *config,
    void (*fn)(void *arg, const char *text), void *arg)
{
	struct telling t = {.fn = fn, .arg = arg};
	struct buf path, key;
	size_t i, j;

	buf_init(&path, 4096);
	buf_init(&key, 4096);
	t.n += check_config(config, fn, arg);
	certificate_paths(conf, &path, &key);
	check_secret(&t, "TLS key", key.p);
	for (i = 0; i < conf->ndomain; i++)
		if (conf->domain[i].tls_key != NULL)
			check_secret(&t, "TLS key", conf->domain[i].tls_key);
	buf_reset(&path);
	buf_addf(&path, "%s/auth/credentials", conf->data);
	check_secret(&t, "passwords in", path.p);
	for (i = 0; i < conf->nrelay; i++) {
		const char *file = conf->relay[i].password_file;

		for (j = 0; j < i && file != NULL; j++)
			if (conf->relay[j].password_file != NULL &&
			    strcmp(conf->relay[j].password_file, file) == 0)
				file = NULL; /* said already */
		if (file != NULL)
			check_secret(&t, "password file", file);
	}
	buf_fini(&key);
	buf_fini(&path);
	return t.n;
}
