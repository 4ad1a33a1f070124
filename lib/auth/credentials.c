#include "auth/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/utf8.h"

#define FILE_MAX  (1 << 20)
#define FILE_HEAD "hearthmail credentials 1"
#define LABEL_MAX 60

struct app {
	uint64_t id;
	uint64_t made; /* seconds */
	unsigned char hash[32];
	char *label;
};

struct entry {
	char *account;
	char *hash; /* Argon2id string or NULL */
	struct app *app;
	size_t napp;
	bool has_totp;
	struct credentials_totp totp;
	struct credentials_codes codes;
};

struct credentials {
	struct entry *e;
	size_t n;
};

static struct entry *
find(const struct credentials *c, struct sv account)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (sv_eq(account, sv_str(c->e[i].account)))
			return &c->e[i];
	return NULL;
}

static struct entry *
find_or_add(struct credentials *c, struct sv account)
{
	struct entry *e = find(c, account);

	if (e != NULL)
		return e;
	c->e = xreallocarray(c->e, c->n + 1, sizeof *c->e);
	e = &c->e[c->n++];
	*e = (struct entry){.account = sv_dup(account)};
	return e;
}

static struct app *
add_app(struct entry *e)
{
	e->app = xreallocarray(e->app, e->napp + 1, sizeof *e->app);
	e->app[e->napp] = (struct app){0};
	return &e->app[e->napp++];
}

void
credentials_free(struct credentials **cp)
{
	struct credentials *c = *cp;
	size_t i, j;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++) {
		for (j = 0; j < c->e[i].napp; j++)
			free(c->e[i].app[j].label);
		free(c->e[i].app);
		if (c->e[i].hash != NULL)
			sodium_memzero(c->e[i].hash, strlen(c->e[i].hash));
		free(c->e[i].hash);
		sodium_memzero(&c->e[i].totp, sizeof c->e[i].totp);
		free(c->e[i].account);
	}
	free(c->e);
	free(c);
	*cp = NULL;
}

/* ---- the file ---- */

static bool
parse_app(struct credentials *c, struct sv account, struct sv rest)
{
	struct sv id = sv_split(&rest, ' '), made = sv_split(&rest, ' ');
	struct sv hash = sv_split(&rest, ' ');
	unsigned char raw[32];
	size_t n = 0;
	uint64_t i, t;
	struct app *a;

	if (sv_to_u64(id, UINT64_MAX, &i) != RC_OK ||
	    sv_to_u64(made, INT64_MAX, &t) != RC_OK ||
	    sodium_hex2bin(raw, sizeof raw, hash.p, hash.n, NULL, &n, NULL) !=
		0 ||
	    n != sizeof raw || rest.n == 0)
		return false;
	a = add_app(find_or_add(c, account));
	a->id = i;
	a->made = t;
	memcpy(a->hash, raw, sizeof raw);
	a->label = sv_dup(rest);
	return true;
}

static bool
parse_hex(struct sv hex, unsigned char *out, size_t size)
{
	size_t n = 0;

	return sodium_hex2bin(out, size, hex.p, hex.n, NULL, &n, NULL) == 0 &&
	       n == size;
}

static bool
parse_totp(struct credentials *c, struct sv account, struct sv rest)
{
	struct sv secret = sv_split(&rest, ' ');
	struct credentials_totp t;

	if (!parse_hex(secret, t.secret, sizeof t.secret) ||
	    sv_to_u64(rest, UINT64_MAX, &t.last) != RC_OK)
		return false;
	credentials_set_totp(c, account, &t);
	sodium_memzero(&t, sizeof t);
	return true;
}

static bool
parse_recovery(struct credentials *c, struct sv account, struct sv rest)
{
	struct credentials_codes *codes = &find_or_add(c, account)->codes;

	if (codes->n == CREDENTIALS_RECOVERY ||
	    !parse_hex(rest, codes->hash[codes->n], sizeof codes->hash[0]))
		return false;
	codes->n++;
	return true;
}

static bool
parse_line(struct credentials *c, struct sv line)
{
	struct sv what = sv_split(&line, ' '), account = sv_split(&line, ' ');

	if (account.n == 0 || line.n == 0)
		return false;
	if (sv_eq(what, SV("app")))
		return parse_app(c, account, line);
	if (sv_eq(what, SV("totp")))
		return parse_totp(c, account, line);
	if (sv_eq(what, SV("recovery")))
		return parse_recovery(c, account, line);
	if (!sv_eq(what, SV("password")))
		return false;
	free(find_or_add(c, account)->hash);
	find(c, account)->hash = sv_dup(line);
	return true;
}

static int
parse_file(
    struct credentials *c, struct sv text, const char *path, struct err *err)
{
	struct sv line = sv_split(&text, '\n');
	unsigned n = 1;

	if (!sv_eq(line, SV(FILE_HEAD)))
		return err_set(err, RC_DAMAGED, "%s does not begin with \"%s\"",
		    path, FILE_HEAD);
	while (text.n > 0) {
		line = sv_split(&text, '\n');
		n++;
		if (line.n > 0 && !parse_line(c, line))
			return err_set(err, RC_DAMAGED,
			    "%s:%u: not a line of "
			    "credentials; restore the file from a backup",
			    path, n);
	}
	return RC_OK;
}

int
credentials_load(const char *path, struct credentials **out, struct err *err)
{
	struct credentials *c = xcalloc(1, sizeof *c);
	struct buf b;
	int r;

	buf_init(&b, FILE_MAX);
	r = io_read_file(path, &b, err);
	if (r == RC_OK)
		r = parse_file(c, buf_sv(&b), path, err);
	else if (r == RC_NOTFOUND)
		r = RC_OK;
	buf_wipe(&b);
	if (r == RC_OK)
		*out = c;
	else
		credentials_free(&c);
	return r;
}

static void
write_hex(struct buf *b, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf_addf(b, "%02x", p[i]);
}

static void
write_second(struct buf *b, const struct entry *e)
{
	unsigned i;

	if (e->has_totp) {
		buf_addf(b, "totp %s ", e->account);
		write_hex(b, e->totp.secret, sizeof e->totp.secret);
		buf_addf(b, " %llu\n", (unsigned long long)e->totp.last);
	}
	for (i = 0; i < e->codes.n; i++) {
		buf_addf(b, "recovery %s ", e->account);
		write_hex(b, e->codes.hash[i], sizeof e->codes.hash[i]);
		buf_addc(b, '\n');
	}
}

int
credentials_save(const struct credentials *c, const char *path, struct err *err)
{
	struct buf b;
	size_t i, j;
	int r;

	buf_init(&b, FILE_MAX);
	buf_adds(&b, FILE_HEAD "\n");
	for (i = 0; i < c->n; i++) {
		const struct entry *e = &c->e[i];

		if (e->hash != NULL)
			buf_addf(&b, "password %s %s\n", e->account, e->hash);
		for (j = 0; j < e->napp; j++) {
			char hex[65];

			buf_addf(&b, "app %s %llu %llu %s %s\n", e->account,
			    (unsigned long long)e->app[j].id,
			    (unsigned long long)e->app[j].made,
			    sodium_bin2hex(hex, sizeof hex, e->app[j].hash,
				sizeof e->app[j].hash),
			    e->app[j].label);
		}
		write_second(&b, e);
	}
	if (!buf_ok(&b))
		r = err_set(err, RC_TOOBIG, "%s would be larger than %d bytes",
		    path, FILE_MAX);
	else
		r = io_replace_file(path, buf_sv(&b), 0600, err);
	buf_wipe(&b);
	return r;
}

/* ---- passwords ---- */

/* The head of every list of leaked passwords, and what people type when a
 * program asks for a password at once. */
static const char *const common[] = {"password", "passwort", "12345678",
    "123456789", "1234567890", "qwertyui", "qwertyuiop", "qwertzui",
    "qwertzuiop", "asdfghjk", "asdfghjkl", "iloveyou", "sunshine", "princess",
    "football", "baseball", "welcome1", "password1", "passw0rd", "trustno1",
    "superman", "computer", "internet", "letmein1", "changeme", "hearthmail",
    "1q2w3e4r", "1qaz2wsx", "abcd1234", "abc12345", "11223344", "87654321",
    "administrator", "hallo123", "schatz123"};

static bool
is_run(struct sv s, int step)
{
	size_t i;

	for (i = 1; i < s.n; i++)
		if (s.p[i] - s.p[i - 1] != step)
			return false;
	return true;
}

int
credentials_check_strength(
    struct sv account, struct sv password, struct err *err)
{
	size_t i;

	if (password.n < 8)
		return err_set(err, RC_DENIED,
		    "a password needs at least 8 "
		    "characters; four random words are a good one");
	if (password.n > 1024)
		return err_set(
		    err, RC_DENIED, "a password has at most 1024 bytes");
	if (sv_chr(password, '\0') < password.n)
		return err_set(
		    err, RC_DENIED, "a password cannot contain a NUL byte");
	if (is_run(password, 0) || is_run(password, 1) || is_run(password, -1))
		return err_set(err, RC_DENIED,
		    "this password is a simple sequence or one repeated "
		    "character");
	if (account.n >= 3 && password.n < account.n + 6 &&
	    sv_ifind(password, account) < password.n)
		return err_set(err, RC_DENIED,
		    "this password is too similar to the account's name");
	for (i = 0; i < sizeof common / sizeof common[0]; i++)
		if (sv_ieq(password, sv_str(common[i])))
			return err_set(err, RC_DENIED,
			    "this is one of the most common passwords");
	return RC_OK;
}

int
credentials_hash(struct sv password, char out[CREDENTIALS_HASH_MAX])
{
	must(CREDENTIALS_HASH_MAX >= crypto_pwhash_argon2id_STRBYTES);
	if (crypto_pwhash_argon2id_str(out, password.p, password.n,
		AUTH_HASH_PASSES, AUTH_HASH_MEMORY) != 0)
		return RC_TEMP; /* no memory */
	return RC_OK;
}

void
credentials_set_hash(struct credentials *c, struct sv account, const char *hash)
{
	struct entry *e = find_or_add(c, account);

	free(e->hash);
	e->hash = hash != NULL ? xstrdup(hash) : NULL;
}

int
credentials_set_password(struct credentials *c, struct sv account,
    struct sv password, struct err *err)
{
	char hash[CREDENTIALS_HASH_MAX];

	if (credentials_hash(password, hash) != RC_OK)
		return err_set(err, RC_TEMP,
		    "no %u MiB of memory to hash a "
		    "password with",
		    AUTH_HASH_MEMORY >> 20);
	credentials_set_hash(c, account, hash);
	return RC_OK;
}

const char *
credentials_password_hash(const struct credentials *c, struct sv account)
{
	struct entry *e = find(c, account);

	return e != NULL ? e->hash : NULL;
}

bool
credentials_verify(const char *hash, struct sv password)
{
	/* A hash of random bytes nobody knows, at the usual cost. */
	static const char nobody[] =
	    "$argon2id$v=19$m=32768,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	bool ok;

	ok = crypto_pwhash_argon2id_str_verify(
		 hash != NULL ? hash : nobody, password.p, password.n) == 0;
	return ok && hash != NULL;
}

/* ---- app passwords ---- */

/* No 0, 1, l and o: they are read for each other. */
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

static void
app_hash(struct sv password, unsigned char out[32])
{
	char plain[64];
	size_t i, n = 0;

	/* As people retype it: case and separators do not matter. */
	for (i = 0; i < password.n && n < sizeof plain; i++)
		if (ascii_is_alnum(password.p[i]))
			plain[n++] = ascii_lower(password.p[i]);
	(void)crypto_hash_sha256(out, (const unsigned char *)plain, n);
	sodium_memzero(plain, sizeof plain);
}

/* Words of one line, as they are typed and shown: nothing that a terminal
 * obeys, nothing that turns the direction or breaks the line. */
static int
check_label(struct sv label, struct err *err)
{
	struct sv rest = label;
	uint32_t cp;

	if (label.n == 0 || label.n > LABEL_MAX)
		return err_set(
		    err, RC_SYNTAX, "a label has 1 to %d bytes", LABEL_MAX);
	if (label.p[0] == '-')
		return err_set(
		    err, RC_SYNTAX, "a label must not begin with \"-\"");
	while (rest.n > 0)
		if (utf8_next(&rest, &cp) != RC_OK || cp < ' ' ||
		    (cp >= 0x7f && cp <= 0x9f) ||
		    (cp >= 0x2028 && cp <= 0x202e) ||
		    (cp >= 0x2066 && cp <= 0x2069))
			return err_set(err, RC_SYNTAX,
			    "a label must be UTF-8 without control characters");
	return RC_OK;
}

int
credentials_app_add(struct credentials *c, struct sv account, struct sv label,
    struct buf *password_out, struct err *err)
{
	struct entry *e = find_or_add(c, account);
	struct app *a;
	size_t i;

	if (check_label(label, err) != RC_OK)
		return RC_SYNTAX;
	for (i = 0; i < e->napp; i++)
		if (sv_eq(label, sv_str(e->app[i].label)))
			return err_set(err, RC_EXISTS,
			    "%s has an app password \"%.*s\" already; revoke "
			    "it or use another label",
			    e->account, SV_ARG(label));
	for (i = 0; i < 24; i++) {
		if (i > 0 && i % 4 == 0)
			buf_addc(password_out, '-');
		buf_addc(password_out, letters[randombytes_uniform(32)]);
	}
	a = add_app(e);
	do
		randombytes_buf(&a->id, sizeof a->id);
	while (a->id == 0);
	a->made = (uint64_t)(clk_now() / 1000);
	a->label = sv_dup(label);
	app_hash(buf_sv(password_out), a->hash);
	return RC_OK;
}

int
credentials_app_revoke(
    struct credentials *c, struct sv account, struct sv label, uint64_t *id_out)
{
	struct entry *e = find(c, account);
	size_t i;

	for (i = 0; e != NULL && i < e->napp; i++) {
		if (!sv_eq(label, sv_str(e->app[i].label)))
			continue;
		*id_out = e->app[i].id;
		free(e->app[i].label);
		e->app[i] = e->app[--e->napp];
		return RC_OK;
	}
	return RC_NOTFOUND;
}

void
credentials_app_list(
    const struct credentials *c, struct sv account, struct buf *out)
{
	struct entry *e = find(c, account);
	size_t i;

	for (i = 0; e != NULL && i < e->napp; i++) {
		struct clk_tm t;

		clk_civil((int64_t)e->app[i].made, &t);
		buf_addf(out, "%04d-%02d-%02d  %s\n", t.year, t.month, t.day,
		    e->app[i].label);
	}
}

void
credentials_app_each(const struct credentials *c, struct sv account,
    credentials_app_fn *fn, void *arg)
{
	struct entry *e = find(c, account);
	size_t i;

	for (i = 0; e != NULL && i < e->napp; i++) {
		const struct credentials_app a = {
		    e->app[i].label, e->app[i].id, e->app[i].made};

		fn(&a, arg);
	}
}

bool
credentials_app_has(const struct credentials *c, uint64_t id)
{
	size_t i, j;

	for (i = 0; i < c->n; i++)
		for (j = 0; j < c->e[i].napp; j++)
			if (c->e[i].app[j].id == id)
				return true;
	return false;
}

uint64_t
credentials_app_match(
    const struct credentials *c, struct sv account, struct sv password)
{
	struct entry *e = find(c, account);
	unsigned char hash[32];
	uint64_t id = 0;
	size_t i;

	if (e == NULL || e->napp == 0 || password.n < 24 || password.n > 40)
		return 0;
	app_hash(password, hash);
	for (i = 0; i < e->napp; i++)
		if (sodium_memcmp(hash, e->app[i].hash, sizeof hash) == 0)
			id = e->app[i].id;
	return id;
}

unsigned
credentials_app_count(const struct credentials *c, struct sv account)
{
	struct entry *e = find(c, account);

	return e != NULL ? (unsigned)e->napp : 0;
}

/* ---- the second factor ---- */

bool
credentials_totp(const struct credentials *c, struct sv account,
    struct credentials_totp *out)
{
	const struct entry *e = find(c, account);

	if (e == NULL || !e->has_totp)
		return false;
	*out = e->totp;
	return true;
}

void
credentials_set_totp(
    struct credentials *c, struct sv account, const struct credentials_totp *t)
{
	struct entry *e = find_or_add(c, account);

	e->has_totp = t != NULL;
	if (t != NULL) {
		e->totp = *t;
		return;
	}
	sodium_memzero(&e->totp, sizeof e->totp);
	e->codes.n = 0;
}

void
credentials_recovery(const struct credentials *c, struct sv account,
    struct credentials_codes *out)
{
	const struct entry *e = find(c, account);

	if (e != NULL)
		*out = e->codes;
	else
		out->n = 0;
}

void
credentials_set_recovery(struct credentials *c, struct sv account,
    const struct credentials_codes *codes)
{
	find_or_add(c, account)->codes = *codes;
}

void
credentials_make_codes(struct credentials_codes *out, struct buf *text)
{
	struct buf code;
	unsigned i, j;

	out->n = CREDENTIALS_RECOVERY;
	for (i = 0; i < out->n; i++) {
		buf_init(&code, 32);
		for (j = 0; j < 16; j++) {
			if (j > 0 && j % 4 == 0)
				buf_addc(&code, '-');
			buf_addc(&code, letters[randombytes_uniform(32)]);
		}
		app_hash(buf_sv(&code), out->hash[i]);
		buf_addsv(text, buf_sv(&code));
		buf_addc(text, '\n');
		buf_wipe(&code);
	}
}

bool
credentials_take_code(struct credentials_codes *codes, struct sv code)
{
	unsigned char hash[32];
	unsigned i;

	if (code.n < 16)
		return false;
	app_hash(code, hash);
	for (i = 0; i < codes->n; i++)
		if (sodium_memcmp(hash, codes->hash[i], sizeof hash) == 0) {
			codes->n--;
			memmove(codes->hash[i], codes->hash[codes->n],
			    sizeof codes->hash[i]);
			return true;
		}
	return false;
}
