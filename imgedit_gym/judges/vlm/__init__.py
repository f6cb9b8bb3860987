"""A judge that asks a vision-language model which runs here."""
