#include "acme/work.h"

#include <string.h>

#define TEXT_MAX 4096

void
acme_work_result_init(struct acme_work_result *r)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->text, TEXT_MAX - 1);
	buf_init(&r->trouble, TEXT_MAX - 1);
}

void
acme_work_result_fini(struct acme_work_result *r)
{
	buf_fini(&r->trouble);
	buf_fini(&r->text);
}
