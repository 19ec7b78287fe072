"""The room `classify`: what a picture shows, and where in it that is seen."""
