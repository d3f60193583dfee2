"""Names that the suite imports for tests of private functions, which are left out."""

parse_url_with_auth = validate_model = None
