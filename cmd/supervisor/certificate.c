#include "cmd/supervisor/certificate.h"

#include <sys/stat.h>
#include <unistd.h>

#include "acme/names.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/supervisor/tls_aside.h"

static void kept_path(const struct conf *conf, struct buf *path);

/* "acme/FILE" if it is in the folder of acme, else empty. */
static struct sv
below_acme(const struct conf *conf, const char *path)
{
	struct sv p = sv_str(path), data = sv_str(conf->data);

	if (!sv_starts(p, data) || !sv_starts(sv_skip(p, data.n), SV("/acme/")))
		return SV("");
	return sv_skip(p, data.n + 1);
}

int
certificate_read(
    const struct conf *conf, const char *path, struct buf *out, struct err *err)
{
	struct sv below = below_acme(conf, path);

	return below.n > 0 ? io_read_below(conf->data, below.p, out, err)
			   : io_read_file(path, out, err);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* What the process acme has got, with its key; else the last that was good,
 * while acme gets another. */
static bool
find_issued(const struct conf *conf, struct buf *path)
{
	struct acme_names names;

	acme_names_host(conf->hostname, &names);
	buf_reset(path);
	buf_addf(path, "%s/acme/%s.pem", conf->data, names.file);
	if (is_there(path->p))
		return true;
	kept_path(conf, path);
	return is_there(path->p);
}

void
certificate_paths(const struct conf *conf, struct buf *cert, struct buf *key)
{
	struct buf issued;

	buf_init(&issued, 4096);
	if (conf->tls_certificate != NULL) {
		buf_adds(cert, conf->tls_certificate);
		buf_adds(key, conf->tls_key);
	} else if (conf->acme.on && find_issued(conf, &issued)) {
		buf_addsv(cert, buf_sv(&issued));
		buf_addsv(key, buf_sv(&issued));
	} else {
		buf_addf(cert, "%s/tls/cert.pem", conf->data);
		buf_addf(key, "%s/tls/key.pem", conf->data);
	}
	buf_fini(&issued);
}

static void
own_paths(const struct conf *conf, struct buf *cert, struct buf *key)
{
	buf_addf(cert, "%s/tls/cert.pem", conf->data);
	buf_addf(key, "%s/tls/key.pem", conf->data);
}

#define DAY_S	   86400
#define RENEW_DAYS 7
/* An older clock has not been set yet: 2026-01-01. */
#define CLOCK_MIN_S 1767225600

/* Is it missing, or of a clock that was wrong, or over soon?  One that cannot
 * be read, or whose key is another, is somebody's work, and left alone. */
static bool
is_wanted(const struct conf *conf, const char *path)
{
	int64_t now = clk_now() / 1000;
	struct tls_cert_info info;
	struct buf pem;
	struct err err;
	bool wanted = false;

	if (access(path, F_OK) != 0)
		return true;
	buf_init(&pem, 65536);
	if (now >= CLOCK_MIN_S &&
	    certificate_load(conf, NULL, NULL, &err) == RC_OK &&
	    io_read_file(path, &pem, &err) == RC_OK &&
	    tls_aside_info(buf_sv(&pem), &info, &err) == RC_OK)
		wanted = info.self_signed &&
			 (info.not_after < now + RENEW_DAYS * DAY_S ||
			     info.not_before > now + DAY_S);
	buf_fini(&pem);
	return wanted;
}

int
certificate_make(const struct conf *conf, struct err *err)
{
	struct buf cert, key, cert_path, key_path;
	int r = RC_OK;

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	buf_init(&cert_path, 4096);
	buf_init(&key_path, 4096);
	own_paths(conf, &cert_path, &key_path);
	if (conf->tls_certificate == NULL && is_wanted(conf, cert_path.p)) {
		r = tls_aside_self_signed(conf->hostname, &cert, &key, err);
		if (r == RC_OK)
			r = io_replace_file(
			    key_path.p, buf_sv(&key), 0600, err);
		if (r == RC_OK)
			r = io_replace_file(
			    cert_path.p, buf_sv(&cert), 0644, err);
		if (r == RC_OK)
			mlog(LOG_WARN, "tls.self-signed",
			    "hostname=%s file=%s text=\"clients will warn%s\"",
			    conf->hostname, cert_path.p,
			    conf->acme.on ? " until there is one from the "
					    "authority"
					  : "; set tls.certificate and "
					    "tls.key");
	}
	buf_fini(&key_path);
	buf_fini(&cert_path);
	buf_wipe(&key);
	buf_fini(&cert);
	return r;
}

int
certificate_load_pair(const struct conf *conf, const char *cert_path,
    const char *key_path, struct buf *cert_out, struct buf *key_out,
    struct err *err)
{
	struct buf cert, key;
	struct err why;
	int r;

	buf_init(&cert, 1 << 20);
	buf_init(&key, 1 << 20);
	r = certificate_read(conf, cert_path, &cert, err);
	if (r == RC_OK)
		r = certificate_read(conf, key_path, &key, err);
	if (r == RC_OK) {
		r = tls_aside_fit(buf_sv(&cert), buf_sv(&key), &why);
		if (r != RC_OK)
			(void)err_set(err, r, "%.60s with %.60s: %.100s",
			    cert_path, key_path, why.text);
	}
	if (r == RC_OK && cert_out != NULL)
		buf_addsv(cert_out, buf_sv(&cert));
	if (r == RC_OK && key_out != NULL)
		buf_addsv(key_out, buf_sv(&key));
	buf_wipe(&key);
	buf_fini(&cert);
	return r;
}

int
certificate_load(const struct conf *conf, struct buf *cert_out,
    struct buf *key_out, struct err *err)
{
	struct buf cert_path, key_path;
	int r;

	buf_init(&cert_path, 4096);
	buf_init(&key_path, 4096);
	certificate_paths(conf, &cert_path, &key_path);
	r = certificate_load_pair(
	    conf, cert_path.p, key_path.p, cert_out, key_out, err);
	buf_fini(&key_path);
	buf_fini(&cert_path);
	return r;
}

/* ---- while it cannot be used ---- */

static void
kept_path(const struct conf *conf, struct buf *path)
{
	buf_init(path, 4096);
	buf_addf(path, "%s/tls/last-good.pem", conf->data);
}

void
certificate_keep(const struct conf *conf, struct sv cert, struct sv key)
{
	struct buf path, both, was;
	struct err err;

	struct tls_cert_info info;

	if (conf->tls_certificate == NULL &&
	    (!conf->acme.on || tls_aside_info(cert, &info, &err) != RC_OK ||
		info.self_signed))
		return;
	kept_path(conf, &path);
	buf_init(&both, 4 << 20);
	buf_init(&was, 4 << 20);
	buf_addsv(&both, cert);
	/* One file may have been both. */
	if (!sv_eq(cert, key)) {
		buf_addc(&both, '\n');
		buf_addsv(&both, key);
	}
	if ((io_read_file(path.p, &was, &err) != RC_OK ||
		!sv_eq(buf_sv(&was), buf_sv(&both))) &&
	    io_replace_file(path.p, buf_sv(&both), 0600, &err) != RC_OK)
		mlog(LOG_WARN, "tls.keep.fail", "text=\"%s\"", err.text);
	buf_wipe(&was);
	buf_wipe(&both);
	buf_fini(&path);
}

/* One file has both: OpenSSL takes from it what it looks for. */
static bool
load_kept(const struct conf *conf, struct buf *cert, struct buf *key)
{
	int64_t now = clk_now() / 1000;
	struct tls_cert_info info;
	struct buf path, both;
	struct err err;
	bool good;

	kept_path(conf, &path);
	buf_init(&both, 4 << 20);
	good = io_read_file(path.p, &both, &err) == RC_OK &&
	       tls_aside_fit(buf_sv(&both), buf_sv(&both), &err) == RC_OK &&
	       tls_aside_info(buf_sv(&both), &info, &err) == RC_OK &&
	       info.not_after > now;
	if (good) {
		buf_addsv(cert, buf_sv(&both));
		buf_addsv(key, buf_sv(&both));
	}
	buf_wipe(&both);
	buf_fini(&path);
	return good;
}

int
certificate_substitute(const struct conf *conf, struct buf *cert,
    struct buf *key, bool *for_clients, struct err *err)
{
	bool managed = conf->tls_certificate != NULL || conf->acme.on;

	*for_clients = managed && load_kept(conf, cert, key);
	if (*for_clients)
		return RC_OK;
	/* As before the first one came. */
	*for_clients = conf->acme.on;
	return tls_aside_self_signed(conf->hostname, cert, key, err);
}

struct conf_place
certificate_place(const struct conf *conf)
{
	return conf->tls_certificate != NULL ? conf->certificate_at
					     : (struct conf_place){0, 0};
}

static uint64_t
stamp_file(const struct conf *conf, const char *path)
{
	bool link = below_acme(conf, path).n > 0;
	struct stat st;

	if ((link ? lstat(path, &st) : stat(path, &st)) != 0)
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000003 +
	       (uint64_t)st.st_mtim.tv_nsec + (uint64_t)st.st_ino * 7919 +
	       (uint64_t)st.st_size;
}

uint64_t
certificate_domain_stamp(const struct conf *conf)
{
	uint64_t stamp = 0;
	size_t i;

	for (i = 0; i < conf->ndomain; i++)
		if (conf->domain[i].tls_certificate != NULL)
			stamp =
			    stamp * 31 +
			    stamp_file(conf, conf->domain[i].tls_certificate) +
			    stamp_file(conf, conf->domain[i].tls_key) * 7;
	return stamp;
}

uint64_t
certificate_stamp(const struct conf *conf)
{
	struct buf cert, key;
	uint64_t stamp;

	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	certificate_paths(conf, &cert, &key);
	stamp = stamp_file(conf, cert.p) * 31 + stamp_file(conf, key.p);
	buf_fini(&key);
	buf_fini(&cert);
	return stamp;
}
