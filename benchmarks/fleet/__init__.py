"""What a rollout costs by the number of gateways: on one broker, and the controller alone."""
