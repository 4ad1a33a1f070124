#include "test/unit/acme/world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acme/certificate.h"
#include "base/clk.h"
#include "base/io.h"
#include "test/unit/unit.h"

static int64_t
now(void *arg)
{
	return ((struct world *)arg)->now;
}

static bool
wait_s(void *arg, int64_t s)
{
	((struct world *)arg)->now += s;
	return true;
}

static int
show(void *arg, const struct acme_shown *s, bool on, struct err *err)
{
	struct world *w = arg;

	(void)err;
	w->by_shown = s->way;
	(void)snprintf(w->shown, sizeof w->shown, "%s", on ? s->text : "");
	return RC_OK;
}

static enum acme_points
points(void *arg, const char *name, const char *hostname, char *why)
{
	struct world *w = arg;

	(void)hostname;
	if (w->nowhere != NULL && strcmp(name, w->nowhere) == 0)
		return ACME_POINTS_NOWHERE;
	if (w->away != NULL && strcmp(name, w->away) == 0) {
		(void)snprintf(why, ERR_TEXT_MAX, "%s leads away", name);
		return ACME_POINTS_AWAY;
	}
	return ACME_POINTS_HERE;
}

static void
ways(void *arg, const char *name, unsigned *able, unsigned *seen, char *why)
{
	struct world *w = arg;

	(void)name;
	*able = w->able == 4 ? 0 : w->able == 0 ? 1 : w->able;
	*seen = w->seen;
	(void)snprintf(why, ERR_TEXT_MAX, "no port is open");
}

static void
have(void *arg, const char *file, struct sv pem, bool fresh)
{
	struct world *w = arg;
	struct acme_key *key = NULL;
	struct err err;

	(void)file;
	/* A chain and its key, in one. */
	ck_assert_int_eq(acme_key_read(pem, &key, &err), RC_OK);
	ck_assert(acme_certificate_is_of(pem, key));
	acme_key_free(&key);
	w->told += fresh;
}

/* What a signed request says. */
static void
payload(const struct acme_request *r, struct buf *out)
{
	struct sv body = buf_sv(&r->body);
	struct sv p = sv_skip(body, sv_find(body, SV("\"payload\":\"")) + 11);

	buf_init(out, 65536);
	p = sv_first(p, sv_chr(p, '"'));
	ck_assert_int_eq(acme_base64url_read(p, out), RC_OK);
}

static void
put_order(struct world *w, const char *status)
{
	unsigned i;

	buf_addf(&w->body, "{\"status\":\"%s\",\"finalize\":\"https://c/f\"",
	    status);
	if (strcmp(status, "valid") == 0)
		buf_adds(&w->body, ",\"certificate\":\"https://c/cert\"");
	buf_adds(&w->body, ",\"authorizations\":[");
	for (i = 0; i < w->nauthz; i++)
		buf_addf(
		    &w->body, "%s\"https://c/authz/%u\"", i > 0 ? "," : "", i);
	buf_adds(&w->body, "]}");
}

static void
take_order(struct world *w, struct sv text, struct acme_response *out)
{
	static const struct sv key = {"\"value\":\"", 9};
	struct sv name;

	if (w->limit != 0) {
		out->status = w->limit;
		out->retry_after = sv_str(w->retry_after);
		w->limited++;
		buf_adds(&w->body, "{\"type\":\"a:b:rateLimited\"");
		if (w->limit_of != NULL)
			buf_addf(&w->body,
			    ",\"subproblems\":[{\"identifier\":"
			    "{\"value\":\"%s\"}}]",
			    w->limit_of);
		buf_addc(&w->body, '}');
		return;
	}
	if (w->replaced && sv_find(text, SV("\"replaces\"")) < text.n) {
		out->status = 409;
		buf_adds(&w->body, "{\"type\":\"a:b:alreadyReplaced\"}");
		return;
	}
	w->orders++;
	if (w->crash_at > 0)
		_exit(9);
	w->nauthz = 0;
	w->names[0] = '\0';
	while (sv_find(text, key) < text.n) {
		text = sv_skip(text, sv_find(text, key) + key.n);
		name = sv_first(text, sv_chr(text, '"'));
		sv_copy(name, w->authz[w->nauthz], ACME_NAME_MAX);
		w->asked[w->nauthz++] = false;
		(void)snprintf(
		    w->names + strlen(w->names), 200, "%.*s ", SV_ARG(name));
	}
	out->status = 201;
	out->location = SV("https://c/o/1");
	put_order(w, "pending");
}

static void
put_authz(struct world *w, const char *at)
{
	unsigned i = (unsigned)(at[0] - '0');
	bool bad =
	    (w->refuses != NULL && (strcmp(w->refuses, "*") == 0 ||
				       strcmp(w->refuses, w->authz[i]) == 0)) ||
	    ((w->blocked & ACME_WAY_BIT(w->by[i])) &&
		(w->blocked_of == NULL ||
		    strcmp(w->blocked_of, w->authz[i]) == 0));
	const char *status = !w->asked[i] ? "pending"
			     : bad	  ? "invalid"
					  : "valid";

	buf_addf(&w->body,
	    "{\"status\":\"%s\",\"identifier\":{\"value\":\"%s\"},"
	    "\"challenges\":[{\"type\":\"http-01\",\"status\":\"%s\",\"url\":"
	    "\"https://c/chall/%u\",\"token\":\"t%u\"},"
	    "{\"type\":\"tls-alpn-01\",\"status\":\"%s\",\"url\":"
	    "\"https://c/chall/%u/tls\",\"token\":\"t%u\",\"error\":{"
	    "\"type\":\"x:y:connection\"}}]}",
	    status, w->authz[i], w->by[i] == ACME_BY_HTTP ? status : "pending",
	    i, i, w->by[i] == ACME_BY_TLS ? status : "pending", i, i);
}

static void
take_challenge(struct world *w, const char *at)
{
	unsigned i = (unsigned)(at[0] - '0');

	w->asked[i] = true;
	w->by[i] = at[1] == '\0' ? ACME_BY_HTTP : ACME_BY_TLS;
	ck_assert_int_eq(w->by[i], w->by_shown);
	w->tries[w->by[i]]++;
}

static void
finish(struct world *w, struct sv text)
{
	struct sv csr = sv_skip(text, 8);

	buf_reset(&w->request);
	csr = sv_first(csr, sv_chr(csr, '"'));
	ck_assert_int_eq(acme_base64url_read(csr, &w->request), RC_OK);
	put_order(w, "valid");
}

static void
give(struct world *w)
{
	static const char *const name[] = {"mail.a.test"};
	struct acme_key *key = acme_key_new();
	struct buf der;

	buf_init(&der, 65536);
	if (w->other_key)
		acme_request_der(key, name, 1, &der);
	else
		buf_addsv(&der, buf_sv(&w->request));
	ca_sign(
	    w->ca, buf_sv(&der), w->now - 60, w->now - 60 + w->life, &w->body);
	w->issued++;
	memcpy(w->given, w->names, sizeof w->given);
	buf_fini(&der);
	acme_key_free(&key);
}

static int
send_request(void *arg, const struct acme_request *r, struct acme_response *out,
    struct err *err)
{
	struct world *w = arg;
	const char *path = r->url + strlen("https://c");
	struct buf text;

	w->requests++;
	if (w->down)
		return err_set(err, RC_TEMP, "c cannot be reached");
	buf_reset(&w->body);
	*out = (struct acme_response){.status = 200, .nonce = SV("n")};
	payload(r, &text);
	if (strcmp(path, "/dir") == 0)
		buf_adds(&w->body,
		    "{\"newNonce\":\"https://c/nonce\",\"newAccount\":"
		    "\"https://c/account\",\"newOrder\":\"https://c/order\","
		    "\"renewalInfo\":\"https://c/ari\"}");
	else if (strcmp(path, "/account") == 0) {
		w->accounts++;
		out->location = SV("https://c/me");
	} else if (strcmp(path, "/order") == 0)
		take_order(w, buf_sv(&text), out);
	else if (strncmp(path, "/authz/", 7) == 0)
		put_authz(w, path + 7);
	else if (strncmp(path, "/chall/", 7) == 0)
		take_challenge(w, path + 7);
	else if (strcmp(path, "/o/1") == 0)
		put_order(w, "ready");
	else if (strcmp(path, "/f") == 0)
		finish(w, buf_sv(&text));
	else if (strcmp(path, "/cert") == 0)
		give(w);
	else if (strncmp(path, "/ari/", 5) == 0 && w->window_start != 0 &&
		 (w->window_of == 0 || w->issued == w->window_of)) {
		struct clk_tm a, b;

		clk_civil(w->window_start, &a);
		clk_civil(w->window_end, &b);
		buf_addf(&w->body,
		    "{\"suggestedWindow\":{\"start\":\"%04d-%02d-%02dT%02d:"
		    "%02d:%02dZ\",\"end\":\"%04d-%02d-%02dT%02d:%02d:%02dZ\"}}",
		    a.year, a.month, a.day, a.hour, a.minute, a.second, b.year,
		    b.month, b.day, b.hour, b.minute, b.second);
	} else if (strcmp(path, "/nonce") != 0)
		out->status = 404;
	out->body = buf_sv(&w->body);
	buf_fini(&text);
	return RC_OK;
}

/* ---- running ---- */

struct acme_world
world_outside(struct world *w)
{
	return (struct acme_world){.arg = w,
	    .now = now,
	    .send = send_request,
	    .show = show,
	    .wait = wait_s,
	    .points = points,
	    .ways = ways,
	    .have = have};
}

void
world_start(struct world *w)
{
	memset(w, 0, sizeof *w);
	strcpy(w->folder, "/dev/shm/hearthmail-acme.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w->folder));
	ck_assert_int_eq(chdir(w->folder), 0);
	w->now = T0;
	w->life = 90 * DAY;
	w->ca = ca_new();
	buf_init(&w->request, 65536);
	buf_init(&w->body, 65536);
	buf_init(&w->said, 65536);
}

void
world_end(struct world *w)
{
	struct dirent *e;
	DIR *d = opendir(".");

	while ((e = readdir(d)) != NULL)
		(void)unlink(e->d_name);
	(void)closedir(d);
	(void)chdir("/");
	(void)rmdir(w->folder);
	buf_fini(&w->said);
	buf_fini(&w->body);
	buf_fini(&w->request);
	ca_free(&w->ca);
}

/* Once; what is said is in w->said.  When to look again. */
int64_t
world_run_as(
    struct world *w, const char *const *domain, size_t n, unsigned *urgency)
{
	struct acme_work_opts o = {.world = world_outside(w),
	    .hostname = "mail.a.test",
	    .domain = domain,
	    .ndomain = n,
	    .directory = "https://c/dir",
	    .renew = w->renew,
	    .new_key = w->new_key,
	    .check = true};
	struct acme_work_result r;
	int64_t next;

	acme_work_result_init(&r);
	acme_work(&o, &r);
	w->rc = r.rc;
	memcpy(w->answer, r.answer, sizeof w->answer);
	w->renew = NULL;
	buf_reset(&w->said);
	buf_addsv(&w->said, buf_sv(&r.text));
	buf_addsv(&w->said, buf_sv(&r.trouble));
	ck_assert_str_eq(w->shown, "");
	ck_assert_int_ge(r.next, w->now + 60);
	ck_assert_int_le(r.next, w->now + DAY);
	if (urgency != NULL)
		*urgency = r.urgency;
	next = r.next;
	acme_work_result_fini(&r);
	return next;
}

int64_t
world_run(struct world *w)
{
	return world_run_as(w, NULL, 0, NULL);
}

/* Until then, looking as often as it wants. */
void
world_run_until(struct world *w, int64_t end)
{
	int64_t next;

	while (w->now < end) {
		next = world_run(w);
		w->now = w->now > next ? w->now + 60 : next;
	}
}

bool
world_says(struct world *w, const char *text)
{
	return strstr(w->said.p, text) != NULL;
}

void
world_read_all(const char *name, struct buf *out)
{
	struct err err;

	buf_init(out, 1 << 20);
	ck_assert_int_eq(io_read_file(name, out, &err), RC_OK);
}

void
world_write_all(const char *name, const char *text, size_t n)
{
	struct err err;

	ck_assert_int_eq(
	    io_replace_file(name, sv_of(text, n), 0600, &err), RC_OK);
}
