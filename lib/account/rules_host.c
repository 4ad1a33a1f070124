/* What scripts may ask. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "account/rules_priv.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/nfc.h"
#include "base/utf8.h"
#include "mail/path.h"
#include "mail/trace.h"
#include "msgauth/verdict.h"

#define NAME_MAX_BYTES 1023 /* of a mailbox that a script names */

static const struct {
	struct sv name;
	unsigned use;
} uses[] = {
    {SV("\\Drafts"), STORE_USE_DRAFTS},
    {SV("\\Sent"), STORE_USE_SENT},
    {SV("\\Junk"), STORE_USE_JUNK},
    {SV("\\Trash"), STORE_USE_TRASH},
    {SV("\\Archive"), STORE_USE_ARCHIVE},
    {SV("\\All"), STORE_USE_ALL},
    {SV("\\Flagged"), STORE_USE_FLAGGED},
};

unsigned
rules_use(struct sv name)
{
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if (sv_ieq(uses[i].name, name))
			return uses[i].use;
	return 0;
}

bool
rules_special(struct rules *r, unsigned use, struct buf *name_out)
{
	struct store_mailbox_list all;
	uint64_t seen = 0;
	bool found = false;

	store_mailbox_list(r->store, &all, &seen);
	for (size_t i = 0; i < all.n && !found; i++)
		if ((all.m[i].use & use) != 0 && !all.m[i].in_restore) {
			buf_adds(name_out, all.m[i].name);
			found = true;
		}
	store_mailbox_list_fini(&all);
	return found;
}

/* By its name, or by one that is the same in form C; appended to out. */
int
rules_mailbox(struct rules *r, struct sv name, struct buf *out)
{
	struct store_mailbox_list all;
	struct store_status status;
	struct buf want, have;
	char *text = sv_dup(name);
	uint64_t need = 0;
	int rc = store_status(r->store, text, &status, &need);

	free(text);
	if (rc != RC_NOTFOUND || !utf8_has_8bit(name)) {
		buf_addsv(out, name);
		return rc;
	}
	buf_init(&want, 8192);
	buf_init(&have, 8192);
	nfc_put(name, &want);
	store_mailbox_list(r->store, &all, &need);
	for (size_t i = 0; i < all.n && rc == RC_NOTFOUND; i++) {
		buf_reset(&have);
		nfc_put(sv_str(all.m[i].name), &have);
		if (all.m[i].exists && all.m[i].selectable &&
		    sv_eq(buf_sv(&have), buf_sv(&want))) {
			buf_adds(out, all.m[i].name);
			rc = RC_OK;
		}
	}
	store_mailbox_list_fini(&all);
	buf_fini(&have);
	buf_fini(&want);
	return rc;
}

/* Aliases that lead to the account are its own, and +detail; what only the
 * catch-all brings is not. */
bool
rules_is_mine(const struct rules *r, struct sv address)
{
	const uint32_t *account;
	size_t n = 0;

	if (r->conf == NULL || r->account < 0 ||
	    conf_lookup(r->conf, address, &account, &n) != RC_OK ||
	    strcmp(conf_lookup_why(r->conf, address), "catch-all") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (account[i] == (uint32_t)r->account)
			return true;
	return false;
}

bool
rules_detail_folder(struct rules *r, struct sv written, struct buf *out)
{
	struct store_mailbox_list all;
	uint64_t seen = 0;
	struct sv detail;
	bool found = false;

	if (r->conf == NULL || !r->conf->detail_folder)
		return false;
	detail = conf_address_detail(r->conf, written);
	if (detail.n == 0)
		return false;
	store_mailbox_list(r->store, &all, &seen);
	for (size_t i = 0; i < all.n && !found; i++) {
		const struct store_mailbox *m = &all.m[i];

		if (!sv_ieq(sv_str(m->name), detail) || !m->selectable ||
		    m->use != STORE_USE_NONE || m->in_restore)
			continue;
		buf_adds(out, m->name);
		found = true;
	}
	store_mailbox_list_fini(&all);
	return found;
}

/* ---- the table ---- */

static int32_t
host_zone(void *arg, int64_t at)
{
	const struct rules_run *run = arg;
	time_t t = (time_t)at;
	struct tm tm = {.tm_gmtoff = 0};
	int32_t minutes;

	if (rules_page_offset(run->r, at, &minutes))
		return minutes;
	(void)localtime_r(&t, &tm);
	return (int32_t)(tm.tm_gmtoff / 60);
}

static int
host_mailbox(void *arg, struct sv name)
{
	struct rules_run *run = arg;
	char text[NAME_MAX_BYTES + 1];
	struct buf found;
	int rc;

	if (name.n == 0 || name.n > NAME_MAX_BYTES ||
	    sv_chr(name, '\0') < name.n)
		return RC_SYNTAX;
	sv_copy(name, text, sizeof text);
	if (!store_mailbox_name_ok(run->r->store, text))
		return RC_SYNTAX;
	buf_init(&found, 8192);
	rc = rules_mailbox(run->r, name, &found);
	buf_fini(&found);
	return rc;
}

static int
host_special_use(void *arg, struct sv use, struct buf *name_out)
{
	struct rules_run *run = arg;
	unsigned bit = rules_use(use);

	return bit != 0 && rules_special(run->r, bit, name_out) ? RC_OK
								: RC_NOTFOUND;
}

/* As IMAP shows it: the journal's epoch, and a number. */
static int
host_mailbox_id(void *arg, struct sv id, struct buf *name_out)
{
	struct rules_run *run = arg;
	struct store_mailbox_list all;
	uint64_t need = 0;
	int rc = RC_NOTFOUND;

	store_mailbox_list(run->r->store, &all, &need);
	for (size_t i = 0; i < all.n && rc != RC_OK; i++) {
		const struct store_mailbox *m = &all.m[i];
		char text[64];

		(void)snprintf(text, sizeof text, "M%016llx-%u",
		    (unsigned long long)store_epoch(run->r->store), m->id);
		if (!m->exists || !m->selectable || m->in_restore ||
		    !sv_eq(id, sv_str(text)))
			continue;
		buf_adds(name_out, m->name);
		rc = RC_OK;
	}
	store_mailbox_list_fini(&all);
	return rc;
}

static bool
host_is_mine(void *arg, struct sv address)
{
	const struct rules_run *run = arg;

	return rules_is_mine(run->r, address);
}

static int
host_seen(void *arg, const unsigned char key[SIEVE_KEY_BYTES], bool *seen_out)
{
	struct rules_run *run = arg;
	uint64_t need = 0;

	*seen_out = store_memo_has(
	    run->r->store, STORE_MEMO_RULES, key, clk_now() / 1000, &need);
	return RC_OK;
}

static int
host_include(
    void *arg, enum sieve_include where, struct sv name, struct buf *text_out)
{
	struct rules_run *run = arg;
	uint64_t need = 0;

	if (where != SIEVE_PERSONAL)
		return RC_NOTFOUND;
	return store_script_get(
	    run->r->store, STORE_SCRIPT_PERSON, name, text_out, &need);
}

/*
 * The address books that there are [RFC 6134 2.6], as a short name or a whole
 * one, in any case, with "%41" for "A": whose addresses, by conf_lookup_why().
 */
static bool
address_book(struct sv list, bool *addresses, bool *aliases)
{
	struct buf b;
	struct sv name;

	if (sv_istarts(list, SV(":addrbook:")))
		list = sv_skip(list, 10);
	else if (sv_istarts(list, SV("urn:ietf:params:sieve:addrbook:")))
		list = sv_skip(list, 31);
	else
		return false;
	buf_init(&b, list.n + 1);
	for (; list.n > 0; list = sv_skip(list, 1)) {
		char c = list.p[0];

		if (c == '%' && list.n > 2 && ascii_hex(list.p[1]) >= 0 &&
		    ascii_hex(list.p[2]) >= 0) {
			c = (char)(ascii_hex(list.p[1]) << 4 |
				   ascii_hex(list.p[2]));
			list = sv_skip(list, 2);
		}
		buf_addc(&b, c);
	}
	name = buf_sv(&b);
	*addresses =
	    sv_ieq(name, SV("default")) || sv_ieq(name, SV("accounts"));
	*aliases = sv_ieq(name, SV("default")) || sv_ieq(name, SV("aliases"));
	buf_fini(&b);
	return *addresses || *aliases;
}

static int
host_list_has(void *arg, struct sv list, struct sv value, bool *has_out)
{
	const struct rules_run *run = arg;
	const bool contacts = sv_eq(list, SV(PAGERULES_CONTACTS));
	const uint32_t *account;
	bool addresses, aliases;
	const char *why;
	size_t n = 0;

	if (contacts) {
		*has_out = rules_page_is_contact(run, value);
		return RC_OK;
	}
	if (!address_book(list, &addresses, &aliases) || run->r->conf == NULL)
		return RC_NOTFOUND;
	*has_out = false;
	if (conf_lookup(run->r->conf, value, &account, &n) != RC_OK)
		return RC_OK;
	why = conf_lookup_why(run->r->conf, value);
	*has_out = (addresses && strcmp(why, "address") == 0) ||
		   (aliases && strcmp(why, "alias") == 0);
	return RC_OK;
}

/*
 * What is known of mailboxes and of the server without annotations, as IMAP
 * servers show it: the special use of a mailbox [RFC 6154 4], and where to ask
 * for help [RFC 5464 6.2.1].
 */
static int
host_metadata(void *arg, struct sv mailbox, struct sv entry, struct buf *out)
{
	struct rules_run *run = arg;
	struct store_mailbox_list all;
	struct buf name;
	uint64_t seen = 0;
	unsigned use = 0;

	if (mailbox.p == NULL) {
		if (!sv_ieq(entry, SV("/shared/admin")) ||
		    run->r->conf == NULL || run->r->conf->ndomain == 0)
			return RC_NOTFOUND;
		buf_addf(
		    out, "mailto:postmaster@%s", run->r->conf->domain[0].name);
		return RC_OK;
	}
	if (!sv_ieq(entry, SV("/private/specialuse")))
		return RC_NOTFOUND;
	buf_init(&name, 8192);
	if (rules_mailbox(run->r, mailbox, &name) != RC_OK)
		buf_reset(&name);
	store_mailbox_list(run->r->store, &all, &seen);
	for (size_t i = 0; i < all.n; i++)
		if (sv_eq(sv_str(all.m[i].name), buf_sv(&name)) &&
		    !all.m[i].in_restore)
			use = all.m[i].use;
	store_mailbox_list_fini(&all);
	buf_fini(&name);
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if ((uses[i].use & use) != 0) {
			buf_adds(out, out->n > 0 ? " " : "");
			buf_addsv(out, uses[i].name);
		}
	return out->n > 0 ? RC_OK : RC_NOTFOUND;
}

/* From where it came [RFC 5183]: by the verdict, or if nobody has judged it, by
 * what was written on top of it when it came by SMTP. */
static int
remote(const struct rules_run *run, bool host, struct buf *out)
{
	const struct conf *c = run->r->conf;
	struct sv name = SV(""), address = SV("");
	struct verdict v;
	char ip[INET6_ADDRSTRLEN];

	if (!host && run->m->verdict.n > 0 &&
	    verdict_decode(run->m->verdict, &v) == RC_OK) {
		const bool four = IN6_IS_ADDR_V4MAPPED(&v.peer);

		if (inet_ntop(four ? AF_INET : AF_INET6,
			four ? (const void *)&v.peer.s6_addr[12]
			     : (const void *)&v.peer,
			ip, sizeof ip) == NULL)
			return RC_NOTFOUND;
		buf_adds(out, ip);
	} else if (c != NULL && mail_trace_peer(run->m->bytes,
				    sv_str(c->hostname), &name, &address)) {
		buf_addsv(out, host ? name : address);
	}
	return out->n > 0 ? RC_OK : RC_NOTFOUND;
}

static int
host_environment(void *arg, struct sv item, struct buf *out)
{
	struct rules_run *run = arg;
	const struct conf *c = run->r->conf;

	if (sv_ieq(item, SV("host")) && c != NULL)
		buf_adds(out, c->hostname);
	else if (sv_ieq(item, SV("domain")) && c != NULL && c->ndomain > 0)
		buf_adds(out, c->domain[0].name);
	else if (sv_ieq(item, SV("location")))
		buf_adds(out, "MDA");
	else if (sv_ieq(item, SV("phase")))
		buf_adds(out, "during");
	else if (sv_ieq(item, SV("remote-ip")))
		return remote(run, false, out);
	else if (sv_ieq(item, SV("remote-host")))
		return remote(run, true, out);
	else
		return rules_page_environment(run, item, out);
	return RC_OK;
}

static void
host_trace(void *arg, struct sv script, unsigned line, struct sv text)
{
	struct rules_run *run = arg;

	if (run->lines == NULL)
		return;
	rules_where(run->r, script, line, run->lines);
	buf_adds(run->lines, ": ");
	buf_addsv(run->lines, text);
	buf_addc(run->lines, '\n');
}

const struct sieve_host rules_host = {
    .zone = host_zone,
    .mailbox = host_mailbox,
    .special_use = host_special_use,
    .mailbox_id = host_mailbox_id,
    .metadata = host_metadata,
    .is_mine = host_is_mine,
    .seen = host_seen,
    .include = host_include,
    .list_has = host_list_has,
    .environment = host_environment,
    .trace = host_trace,
};
