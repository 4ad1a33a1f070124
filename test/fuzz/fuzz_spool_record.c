/* The records of a spool that somebody has damaged. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "queue/spool/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct spool_item *it = xcalloc(1, sizeof *it);
	struct record_tried t;
	struct record_place p;
	struct record_done d;
	size_t i;

	if (record_item_parse(in, it) == RC_OK)
		must(it->sender != NULL && it->nrcpt > 0 &&
		     it->nrcpt <= SPOOL_RECIPIENTS_MAX);
	for (i = 0; i < it->nrcpt; i++)
		must(it->rcpt[i].via == NULL ||
		     strchr(it->rcpt[i].via, '@') != NULL);
	item_free(it);
	if (record_done_parse(in, &d))
		must(d.outcome < SPOOL_WAITS && d.reply_text.n <= in.n);
	if (record_tried_parse(in, &t))
		must(t.reply_text.n <= in.n);
	if (record_place_parse(in, &p))
		must(p.name.n + p.reply_text.n <= in.n);
	return 0;
}
