"""The article's connection storm: many execution environments at once, straight at the database and by its proxy."""
