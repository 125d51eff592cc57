#include "keystay/base/json.h"

int
json_read(const char *text, size_t len, json_t **ret, struct err *e)
{
	json_error_t why;
	json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (!value)
		return err_set(e, ERR_AUTHORITY, "the answer is not JSON: %s (line %d)", why.text,
			why.line);
	if (!json_is_object(value)) {
		json_decref(value);
		return err_set(e, ERR_AUTHORITY, "the answer is JSON but not an object");
	}
	*ret = value;
	return 0;
}

const char *
json_text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

json_t *
json_array_at(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	return json_is_array(value) ? value : NULL;
}

json_t *
json_object_at(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	return json_is_object(value) ? value : NULL;
}

char *
json_line(const json_t *value)
{
	return json_dumps(value, JSON_COMPACT);
}
