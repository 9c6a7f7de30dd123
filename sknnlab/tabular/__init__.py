"""Tables: columns of numbers and categories, with gaps, as the input of a network."""
