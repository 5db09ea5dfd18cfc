"""The devices; `registry` names them."""
