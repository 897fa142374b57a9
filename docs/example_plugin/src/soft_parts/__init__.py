"""Parts for soft-focus photos, as an example of a plugin."""

RECIPES = "recipes"
