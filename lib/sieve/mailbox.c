/* mailboxexists, metadata, servermetadata [RFC 5490], specialuse_exists
 * [RFC 8579], mailboxidexists [RFC 9042]. */
#include "sieve/commands.h"
#include "sieve/match.h"

#define METADATA_MAX (64 << 10)

static enum sieve_flow
exists(struct sieve_run *r, struct sv name, bool *out)
{
	int rc = r->host->mailbox != NULL
		     ? r->host->mailbox(r->arg, sieve_mailbox_name(r, name))
		     : RC_OK;

	*out = rc == RC_OK;
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

/* All of them [RFC 5490 3.1]. */
enum sieve_flow
sieve_test_mailboxexists(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv *names;
	size_t count;
	enum sieve_flow f = sieve_expand_all(r, n, n->pos[0], &names, &count);

	*out = true;
	for (size_t i = 0; i < count && f == FLOW_ON && *out; i++)
		f = exists(r, names[i], out);
	return f;
}

static enum sieve_flow
ask(struct sieve_run *r, struct sv mailbox, struct sv entry, struct buf *out,
    bool *found)
{
	int rc = RC_NOTFOUND;

	if (r->host->metadata != NULL)
		rc = r->host->metadata(r->arg,
		    mailbox.p != NULL ? sieve_mailbox_name(r, mailbox)
				      : mailbox,
		    entry, out);
	*found = rc == RC_OK;
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

static enum sieve_flow
match_entry(struct sieve_run *r, const struct sieve_node *n, struct sv mailbox,
    const struct sieve_string *entry, bool *out)
{
	const struct sieve_value *keys =
	    n->pos[2] != NULL ? n->pos[2] : n->pos[1];
	struct sieve_matcher m;
	enum sieve_flow f;
	struct sv name;
	struct buf b;
	bool found = false;

	f = sieve_matcher_init(&m, r, n, keys);
	if (f == FLOW_ON)
		f = sieve_expand(r, n, entry, &name);
	buf_init(&b, METADATA_MAX);
	if (f == FLOW_ON)
		f = ask(r, mailbox, name, &b, &found);
	if (f == FLOW_ON && found)
		f = sieve_matcher_value(&m, buf_sv(&b));
	buf_fini(&b);
	/* What is not there is not even none, for ":count" [RFC 5490 3.3]. */
	*out = false;
	return found ? sieve_matcher_end(&m, f, out) : f;
}

enum sieve_flow
sieve_test_metadata(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv mailbox;
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &mailbox);

	if (f != FLOW_ON)
		return f;
	return match_entry(r, n, mailbox, &n->pos[1]->s[0], out);
}

enum sieve_flow
sieve_test_servermetadata(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	return match_entry(r, n, (struct sv){0}, &n->pos[0]->s[0], out);
}

static enum sieve_flow
all_entries(struct sieve_run *r, const struct sieve_node *n, struct sv mailbox,
    const struct sieve_value *entries, bool *out)
{
	struct sv *names;
	size_t count;
	enum sieve_flow f = sieve_expand_all(r, n, entries, &names, &count);

	*out = true;
	for (size_t i = 0; i < count && f == FLOW_ON && *out; i++) {
		struct buf b;

		buf_init(&b, METADATA_MAX);
		f = ask(r, mailbox, names[i], &b, out);
		buf_fini(&b);
	}
	return f;
}

enum sieve_flow
sieve_test_metadataexists(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv mailbox;
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &mailbox);

	if (f != FLOW_ON)
		return f;
	return all_entries(r, n, mailbox, n->pos[1], out);
}

enum sieve_flow
sieve_test_servermetadataexists(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	return all_entries(r, n, (struct sv){0}, n->pos[0], out);
}

/* All of them [RFC 9042 6]. */
enum sieve_flow
sieve_test_mailboxidexists(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv *ids;
	size_t count;
	int rc = RC_OK;
	enum sieve_flow f = sieve_expand_all(r, n, n->pos[0], &ids, &count);

	for (size_t i = 0; i < count && f == FLOW_ON && rc == RC_OK; i++) {
		struct buf b;

		buf_init(&b, 4096);
		rc = r->host->mailbox_id != NULL
			 ? r->host->mailbox_id(r->arg, ids[i], &b)
			 : RC_NOTFOUND;
		buf_fini(&b);
	}
	*out = rc == RC_OK;
	return rc == RC_TEMP ? FLOW_TEMP : f;
}

/* Is there a mailbox with that use; with a name in front: is it that one? */
static enum sieve_flow
has_use(struct sieve_run *r, struct sv mailbox, struct sv use, bool *out)
{
	int rc = RC_NOTFOUND;
	struct buf b;

	buf_init(&b, 4096);
	if (r->host->special_use != NULL)
		rc = r->host->special_use(r->arg, use, &b);
	*out = rc == RC_OK &&
	       (mailbox.p == NULL || sv_eq(sieve_mailbox_name(r, buf_sv(&b)),
					 sieve_mailbox_name(r, mailbox)));
	buf_fini(&b);
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

enum sieve_flow
sieve_test_specialuse_exists(
    struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	struct sv mailbox = {0}, *uses;
	enum sieve_flow f = FLOW_ON;
	size_t count;

	if (n->pos[0] != NULL)
		f = sieve_expand(r, n, &n->pos[0]->s[0], &mailbox);
	if (f == FLOW_ON)
		f = sieve_expand_all(r, n, n->pos[1], &uses, &count);
	*out = true;
	for (size_t i = 0; f == FLOW_ON && i < count && *out; i++)
		f = has_use(r, mailbox, uses[i], out);
	return f;
}
