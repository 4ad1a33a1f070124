/*
 * All certificates of a server over weeks, with an authority that does as the
 * test says, and a clock that jumps.
 */
#include "acme/work.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/certificate.h"
#include "base/clk.h"
#include "base/io.h"
#include "test/unit/acme/ca.h"
#include "test/unit/unit.h"

#define DAY  86400ll
#define HOUR 3600ll
#define T0   1790000000ll

struct world {
	char folder[64];
	int64_t now;
	struct ca *ca;
	int64_t life;	      /* of what it gives, seconds */
	bool down;	      /* nobody answers */
	const char *refuses;  /* a name that does not work */
	unsigned limit;	      /* HTTP status of each order; 0: none */
	unsigned limited;     /* how many of them */
	const char *limit_of; /* the name that it is about */
	const char *retry_after;
	int64_t window_start, window_end; /* 0: no answer */
	unsigned window_of;		  /* which certificate; 0: any */
	const char *away, *nowhere;	  /* where names lead */
	bool replaced; /* there is an order that replaces it */
	bool other_key;
	unsigned crash_at; /* leaves in the middle of so many orders */
	/* What was seen of us. */
	unsigned requests, orders, issued, accounts, told;
	char names[1000]; /* of the last order */
	char given[1000]; /* of the last certificate */
	struct buf request, body, said;
	char shown[600];
	unsigned nauthz;
	char authz[ACME_NAMES_MAX][ACME_NAME_MAX];
	bool asked[ACME_NAMES_MAX];
};

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
	    w->refuses != NULL && (strcmp(w->refuses, "*") == 0 ||
				      strcmp(w->refuses, w->authz[i]) == 0);
	const char *status = !w->asked[i] ? "pending"
			     : bad	  ? "invalid"
					  : "valid";

	buf_addf(&w->body,
	    "{\"status\":\"%s\",\"identifier\":{\"value\":\"%s\"},"
	    "\"challenges\":[{\"type\":\"http-01\",\"status\":\"%s\",\"url\":"
	    "\"https://c/chall/%u\",\"token\":\"t%u\",\"error\":{\"type\":"
	    "\"x:y:connection\"}}]}",
	    status, w->authz[i], status, i, i);
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
		w->asked[path[7] - '0'] = true;
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

static void
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

static void
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
static int64_t
run_as(struct world *w, const char *const *domain, size_t n, unsigned *urgency)
{
	struct acme_work_opts o = {
	    .world = {w, now, send_request, show, wait_s, points, have, NULL},
	    .hostname = "mail.a.test",
	    .domain = domain,
	    .ndomain = n,
	    .directory = "https://c/dir",
	    .check = true};
	struct acme_work_result r;
	int64_t next;

	acme_work_result_init(&r);
	acme_work(&o, &r);
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

static int64_t
run(struct world *w)
{
	return run_as(w, NULL, 0, NULL);
}

/* Until then, looking as often as it wants. */
static void
run_until(struct world *w, int64_t end)
{
	int64_t next;

	while (w->now < end) {
		next = run(w);
		w->now = w->now > next ? w->now + 60 : next;
	}
}

static bool
says(struct world *w, const char *text)
{
	return strstr(w->said.p, text) != NULL;
}

static void
read_all(const char *name, struct buf *out)
{
	struct err err;

	buf_init(out, 1 << 20);
	ck_assert_int_eq(io_read_file(name, out, &err), RC_OK);
}

static void
write_all(const char *name, const char *text, size_t n)
{
	struct err err;

	ck_assert_int_eq(
	    io_replace_file(name, sv_of(text, n), 0600, &err), RC_OK);
}

#define HOST_FILE "host.mail.a.test.pem"

START_TEST(work__renews_in_time_with_the_same_key)
{
	struct acme_key *one = NULL, *two = NULL;
	struct buf pem, again, a, b;
	struct world w;
	struct err err;

	world_start(&w);
	run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert_uint_eq(w.accounts, 1);
	ck_assert(says(&w, "mail.a.test: good until"));
	read_all(HOST_FILE, &pem);
	run_until(&w, T0 + 59 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	run_until(&w, T0 + 63 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.told, 2);
	ck_assert_uint_eq(w.accounts, 1);
	read_all(HOST_FILE, &again);
	ck_assert(!sv_eq(buf_sv(&pem), buf_sv(&again)));
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	ck_assert_int_eq(acme_key_read(buf_sv(&pem), &one, &err), RC_OK);
	ck_assert_int_eq(acme_key_read(buf_sv(&again), &two, &err), RC_OK);
	acme_key_jwk(one, &a);
	acme_key_jwk(two, &b);
	ck_assert_str_eq(a.p, b.p);
	acme_key_free(&two);
	acme_key_free(&one);
	buf_fini(&b);
	buf_fini(&a);
	buf_fini(&again);
	buf_fini(&pem);
	world_end(&w);
}
END_TEST

START_TEST(work__short_lives)
{
	struct world w;

	world_start(&w);
	w.life = 6 * DAY;
	run_until(&w, T0 + 60 * DAY);
	ck_assert_uint_ge(w.issued, 18);
	ck_assert_uint_le(w.issued, 21);
	world_end(&w);
}
END_TEST

START_TEST(work__the_window_is_followed)
{
	struct world w;

	world_start(&w);
	/* To come, but behind two thirds. */
	w.window_of = 1;
	w.window_start = T0 + 70 * DAY;
	w.window_end = T0 + 71 * DAY;
	run_until(&w, T0 + 69 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	while (w.issued < 2) {
		w.now = run(&w);
		ck_assert_int_lt(w.now, T0 + 72 * DAY);
	}
	/* They are all to be revoked. */
	run_until(&w, T0 + 90 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	w.window_of = 0;
	w.window_start = w.now - 3 * DAY;
	w.window_end = w.now - 2 * DAY;
	run_until(&w, T0 + 91 * DAY);
	ck_assert_uint_eq(w.issued, 3);
	/* That they say so for ever makes one a day. */
	run_until(&w, T0 + 101 * DAY);
	ck_assert_uint_le(w.issued, 14);
	world_end(&w);
}
END_TEST

START_TEST(work__replaced_already)
{
	struct world w;

	world_start(&w);
	run(&w);
	w.replaced = true;
	run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, 2);
	world_end(&w);
}
END_TEST

START_TEST(work__they_are_down_for_a_month)
{
	unsigned urgency, letters = 0, last = 0;
	struct world w;
	int64_t next;

	world_start(&w);
	run(&w);
	w.down = true;
	w.now = T0 + 59 * DAY;
	w.requests = 0;
	while (w.now < T0 + 91 * DAY) {
		next = run_as(&w, NULL, 0, &urgency);
		if (urgency > 0) {
			letters++;
			ck_assert_uint_gt(urgency, last);
			last = urgency;
		}
		w.now = next;
	}
	/* At half, at four fifths, and at the end. */
	ck_assert_uint_eq(letters, 3);
	ck_assert(says(&w, "which has expired on"));
	ck_assert(says(&w, "c cannot be reached"));
	ck_assert_uint_lt(w.requests, 300);
	w.down = false;
	run_until(&w, w.now + DAY + HOUR);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert(!says(&w, "c cannot be reached"));
	world_end(&w);
}
END_TEST

START_TEST(work__limits_are_kept)
{
	struct world w;

	world_start(&w);
	w.limit = 429;
	w.retry_after = "412345";
	run(&w);
	ck_assert(says(&w, "wants fewer requests"));
	w.limit = 0;
	run_until(&w, T0 + 412000);
	ck_assert_uint_eq(w.orders, 0);
	run_until(&w, T0 + 412345 + 120);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

/* Of one name: the others wait, too, as they say when. */
START_TEST(work__limits_of_a_name_are_kept)
{
	static const char *const domain[] = {"a.test"};
	struct world w;

	world_start(&w);
	run(&w);
	w.limit = 429;
	w.retry_after = "7200";
	w.limit_of = "mta-sts.a.test";
	run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.limited, 1);
	w.now += HOUR;
	run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.limited, 1);
	w.limit = 0;
	w.now += HOUR + 60;
	run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(w.given, "autoconfig.a.test autodiscover.a.test ");
	world_end(&w);
}
END_TEST

START_TEST(work__failures_are_few)
{
	struct world w;

	world_start(&w);
	w.refuses = "*";
	run_until(&w, T0 + HOUR);
	ck_assert_uint_ge(w.orders, 2);
	ck_assert_uint_le(w.orders, 5);
	run_until(&w, T0 + 30 * DAY);
	ck_assert_uint_le(w.orders, 42);
	ck_assert(says(&w, "port 80 must be open"));
	ck_assert(says(&w, "mail.a.test: there is none yet"));
	w.refuses = NULL;
	run_until(&w, T0 + 32 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	world_end(&w);
}
END_TEST

START_TEST(work__one_bad_name_does_not_keep_the_rest)
{
	static const char *const domain[] = {"a.test", "b.test"};
	struct world w;

	world_start(&w);
	w.refuses = "autoconfig.b.test";
	w.nowhere = "autodiscover.a.test";
	run_as(&w, domain, 2, NULL);
	ck_assert_uint_eq(w.issued, 3);
	ck_assert_str_eq(w.names, "mta-sts.b.test autodiscover.b.test ");
	ck_assert(says(&w, "autoconfig.b.test is in no certificate"));
	ck_assert(!says(&w, "autodiscover.a.test is in"));
	/* It works now: in the certificate, in time. */
	w.refuses = NULL;
	w.now += DAY;
	run_as(&w, domain, 2, NULL);
	ck_assert_uint_eq(w.issued, 4);
	ck_assert_str_eq(
	    w.names, "mta-sts.b.test autoconfig.b.test autodiscover.b.test ");
	ck_assert(!says(&w, "autoconfig.b.test is in no"));
	world_end(&w);
}
END_TEST

START_TEST(work__a_certificate_does_not_lose_names_quietly)
{
	static const char *const domain[] = {"a.test"};
	struct world w;
	int64_t next;

	world_start(&w);
	run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.issued, 2);
	w.refuses = "mta-sts.a.test";
	for (w.now = T0 + 60 * DAY; w.now < T0 + 70 * DAY; w.now = next)
		next = run_as(&w, domain, 1, NULL);
	/* The host's has its renewal; the other is kept as it is. */
	ck_assert_uint_eq(w.issued, 3);
	ck_assert(says(&w, "mta-sts.a.test is in no certificate") ||
		  says(&w, "mta-sts.a.test"));
	/* Before it is over the others get theirs. */
	for (; w.now < T0 + 90 * DAY; w.now = next)
		next = run_as(&w, domain, 1, NULL);
	ck_assert_uint_eq(w.issued, 4);
	ck_assert_str_eq(w.given, "autoconfig.a.test autodiscover.a.test ");
	world_end(&w);
}
END_TEST

START_TEST(work__a_name_that_leads_away_is_tried_later)
{
	static const char *const domain[] = {"a.test"};
	struct world w;

	world_start(&w);
	w.away = "mta-sts.a.test";
	run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(w.names, "autoconfig.a.test autodiscover.a.test ");
	ck_assert(says(&w, "mta-sts.a.test leads away"));
	/* We know no better than the authority: it is not a veto. */
	w.now += DAY;
	run_as(&w, domain, 1, NULL);
	ck_assert_str_eq(
	    w.names, "mta-sts.a.test autoconfig.a.test autodiscover.a.test ");
	ck_assert(!says(&w, "leads away"));
	world_end(&w);
}
END_TEST

static const struct {
	const char *file, *text;
	size_t n;
	unsigned issued, accounts;
} accidents[] = {
    {"state.json", "", 0, 1, 2},
    {"state.json", "\0\0\0\0", 4, 1, 2},
    {"state.json", "{\"version\":1}}", 14, 1, 2},
    {"account.pem", "", 0, 1, 2},
    {HOST_FILE, "", 0, 2, 1},
    {HOST_FILE, "\0\0\0\0\0\0", 6, 2, 1},
    {HOST_FILE, "-----BEGIN CERTIFICATE-----\nMIIB", 33, 2, 1},
};

START_TEST(work__accidents)
{
	char aside[64];
	struct world w;

	world_start(&w);
	run(&w);
	write_all(accidents[_i].file, accidents[_i].text, accidents[_i].n);
	w.now += 2 * HOUR;
	run(&w);
	ck_assert(says(&w, "could not be used"));
	ck_assert(says(&w, accidents[_i].file));
	(void)snprintf(aside, sizeof aside, "%s.bad", accidents[_i].file);
	ck_assert_int_eq(access(aside, F_OK), 0);
	ck_assert_uint_eq(w.issued, accidents[_i].issued);
	/* That is all: nothing of it is repeated. */
	w.now += 2 * HOUR;
	run(&w);
	ck_assert(!says(&w, "could not be used"));
	ck_assert_uint_eq(w.issued, accidents[_i].issued);
	run_until(&w, T0 + 64 * DAY);
	ck_assert_uint_eq(w.issued, accidents[_i].issued + 1);
	ck_assert_uint_le(w.accounts, accidents[_i].accounts);
	world_end(&w);
}
END_TEST

/* The folder was lost again and again: not an order each time. */
START_TEST(work__lost_certificates_do_not_make_a_flood)
{
	struct world w;
	int i;

	world_start(&w);
	for (i = 0; i < 30; i++) {
		run(&w);
		(void)unlink(HOST_FILE);
		w.now += 120;
	}
	ck_assert_uint_le(w.issued, 2);
	world_end(&w);
}
END_TEST

START_TEST(work__the_clock_is_wrong)
{
	struct world w;

	world_start(&w);
	run(&w);
	/* A battery is empty. */
	w.now = 1000000000;
	ck_assert_int_eq(run(&w), w.now + 60);
	ck_assert(says(&w, "clock"));
	ck_assert_uint_eq(w.issued, 1);
	/* It is set: all as before. */
	w.now = T0 + 5 * DAY;
	run(&w);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert(says(&w, "good until"));
	world_end(&w);
}
END_TEST

START_TEST(work__a_certificate_of_another_key_is_not_taken)
{
	struct buf pem, again;
	struct world w;

	world_start(&w);
	run(&w);
	read_all(HOST_FILE, &pem);
	w.other_key = true;
	run_until(&w, T0 + 64 * DAY);
	ck_assert(says(&w, "it is of another key"));
	read_all(HOST_FILE, &again);
	ck_assert(sv_eq(buf_sv(&pem), buf_sv(&again)));
	buf_fini(&again);
	buf_fini(&pem);
	world_end(&w);
}
END_TEST

/* No byte can be written any more. */
static void
fill_disk(bool full)
{
	struct rlimit most;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &most), 0);
	most.rlim_cur = full ? 0 : most.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &most), 0);
}

static int64_t
run_on_full_disk(struct world *w)
{
	struct acme_work_opts o = {
	    .world = {w, now, send_request, show, wait_s, points, have, NULL},
	    .hostname = "mail.a.test",
	    .directory = "https://c/dir"};
	struct acme_work_result r;
	int64_t next;

	acme_work_result_init(&r);
	fill_disk(true);
	acme_work(&o, &r);
	fill_disk(false);
	buf_set(&w->said, buf_sv(&r.trouble));
	next = r.next;
	acme_work_result_fini(&r);
	return next;
}

/* What cannot be kept is not ordered: neither accounts nor certificates. */
START_TEST(work__the_disk_is_full)
{
	struct world w;
	int i;

	world_start(&w);
	for (i = 0; i < 20; i++)
		w.now = run_on_full_disk(&w);
	ck_assert_uint_eq(w.accounts, 0);
	ck_assert_uint_eq(w.orders, 0);
	ck_assert(says(&w, "no certificate is ordered now"));
	run(&w);
	ck_assert_uint_eq(w.issued, 1);
	/* The same at a renewal, with keys that are there. */
	w.now = T0 + 65 * DAY;
	for (i = 0; i < 20; i++)
		w.now = run_on_full_disk(&w);
	ck_assert_uint_eq(w.orders, 1);
	run(&w);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.accounts, 1);
	world_end(&w);
}
END_TEST

/* A folder in the place of a file: what is there cannot be read now, which is
 * not a reason to make it anew. */
START_TEST(work__what_cannot_be_read_stays)
{
	static const char *const file[] = {
	    "state.json", "account.pem", HOST_FILE};
	struct world w;

	world_start(&w);
	run(&w);
	ck_assert_int_eq(rename(file[_i], "kept"), 0);
	ck_assert_int_eq(mkdir(file[_i], 0700), 0);
	w.now = T0 + 65 * DAY;
	run(&w);
	ck_assert_uint_eq(w.orders, 1);
	ck_assert_uint_eq(w.accounts, 1);
	ck_assert(says(&w, file[_i]));
	ck_assert_int_eq(rmdir(file[_i]), 0);
	ck_assert_int_eq(rename("kept", file[_i]), 0);
	w.now += HOUR;
	run(&w);
	ck_assert_uint_eq(w.issued, 2);
	ck_assert_uint_eq(w.accounts, 1);
	world_end(&w);
}
END_TEST

/* It dies in the middle of each order, and is started again in ten minutes. */
START_TEST(work__crashes_do_not_hammer)
{
	int i, status, orders = 0;
	struct world w;
	int64_t next;
	pid_t pid;

	world_start(&w);
	w.crash_at = 1;
	for (i = 0; i < 144 * 3; i++, w.now += 600) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			run(&w);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		orders += WEXITSTATUS(status) == 9;
	}
	ck_assert_int_ge(orders, 4);
	ck_assert_int_le(orders, 10);
	w.crash_at = 0;
	next = run(&w);
	ck_assert(says(&w, "cut off") || w.issued == 1);
	w.now = next;
	run_until(&w, w.now + 2 * DAY);
	ck_assert_uint_eq(w.issued, 1);
	ck_assert(!says(&w, "cut off"));
	world_end(&w);
}
END_TEST

/* Years ahead, as with a broken battery: what was noted then does not keep us
 * from trying when it is right again. */
START_TEST(work__the_clock_was_ahead)
{
	struct world w;

	world_start(&w);
	run(&w);
	w.down = true;
	w.now = T0 + 5000 * DAY;
	run(&w);
	ck_assert(says(&w, "cannot be reached"));
	w.down = false;
	w.now = T0 + 70 * DAY;
	run(&w);
	run_until(&w, w.now + DAY + HOUR);
	ck_assert_uint_eq(w.issued, 2);
	world_end(&w);
}
END_TEST

UNIT_TESTS(work)
{
	TCase *t = tcase_create("work");

	tcase_add_test(t, work__renews_in_time_with_the_same_key);
	tcase_add_test(t, work__short_lives);
	tcase_add_test(t, work__the_window_is_followed);
	tcase_add_test(t, work__replaced_already);
	tcase_add_test(t, work__they_are_down_for_a_month);
	tcase_add_test(t, work__limits_are_kept);
	tcase_add_test(t, work__limits_of_a_name_are_kept);
	tcase_add_test(t, work__failures_are_few);
	tcase_add_test(t, work__one_bad_name_does_not_keep_the_rest);
	tcase_add_test(t, work__a_certificate_does_not_lose_names_quietly);
	tcase_add_test(t, work__a_name_that_leads_away_is_tried_later);
	tcase_add_loop_test(t, work__accidents, 0, 7);
	tcase_add_test(t, work__lost_certificates_do_not_make_a_flood);
	tcase_add_test(t, work__the_clock_is_wrong);
	tcase_add_test(t, work__the_disk_is_full);
	tcase_add_loop_test(t, work__what_cannot_be_read_stays, 0, 3);
	tcase_add_test(t, work__crashes_do_not_hammer);
	tcase_add_test(t, work__the_clock_was_ahead);
	tcase_add_test(t, work__a_certificate_of_another_key_is_not_taken);
	return t;
}
