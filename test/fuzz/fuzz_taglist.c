/*
 * tag=value lists and the records that are made of them: keys, DMARC policies.
 * What the strict reader takes the lenient one takes, too, tag by tag.
 */
#include <stddef.h>
#include <stdint.h>

#include "msgauth/dkim_record.h"
#include "msgauth/dmarc.h"
#include "msgauth/taglist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct taglist strict, lenient;
	uint8_t hash[DKIM_HASH] = {0};
	const struct dkim_claim rsa = {DKIM_RSA, false, hash, SV("0123456789")};
	const struct dkim_claim ed = {
	    DKIM_ED25519, true, hash, SV("0123456789")};
	struct sv in = sv_of(data, size);
	struct dkim_record key;
	struct dmarc_record policy;
	unsigned bits;
	size_t i;

	taglist_parse_lenient(in, &lenient);
	must(lenient.n <= TAGLIST_MAX);
	if (taglist_parse(in, false, &strict) == RC_OK) {
		must(strict.n == lenient.n);
		for (i = 0; i < strict.n; i++)
			must(strict.tag[i].raw.p == lenient.tag[i].raw.p);
	}
	if (dkim_record_parse(in, &key) == RC_OK) {
		must(
		    dkim_record_verify(&key, &rsa, NULL, &bits) != DKIM_R_NONE);
		must(dkim_record_verify(&key, &ed, NULL, &bits) != DKIM_R_NONE);
	}
	if (dmarc_record_parse(in, &policy) == RC_OK)
		must(memchr(policy.rua, 0, sizeof policy.rua) != NULL &&
		     memchr(policy.ruf, 0, sizeof policy.ruf) != NULL);
	return 0;
}
