#include "anchor.h"

#include <string.h>

#include "keystay/base/text.h"
#include "keystay/token/rv.h"
#include "object.h"

static char label[] = "keystay anchor, do not remove";
static char application[] = "keystay";
static CK_OBJECT_CLASS class = CKO_DATA;
static CK_BBOOL yes = CK_TRUE;

static int
count(void *ctx, CK_OBJECT_HANDLE object, struct err *e)
{
	(void)object;
	(void)e;
	++*(int *)ctx;
	return 0;
}

int
anchor_ensure(struct token *t, struct err *e)
{
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_LABEL, label, sizeof label - 1},
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_APPLICATION, application, sizeof application - 1},
		{CKA_VALUE, application, sizeof application - 1},
	};
	CK_OBJECT_HANDLE made;
	int there = 0;

	if (t->anchored)
		return 0;
	if (t->module->tpm2) {
		if (objects_each(t, template, 2, count, &there, e) < 0)
			return -1;
		CK_RV rv =
			there ? CKR_OK
			      : t->f->C_CreateObject(t->session, template, COUNT(template), &made);
		if (rv != CKR_OK)
			return rv_fail(
				rv, e, "token '%s': cannot make its anchor object", t->conf->name);
	}
	t->anchored = true;
	return 0;
}
