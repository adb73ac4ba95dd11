"""Sign-in through OpenID Connect: whoever runs Studiolo keeps people and teams where they already are."""
