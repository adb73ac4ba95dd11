"""Both databases and the keys in one file, and back: `studiolo backup FILE`, `studiolo restore FILE`."""
