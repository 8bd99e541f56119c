"""What spark-submit runs: edge-trainer with the arguments that follow."""

from trainer.cli import main

main()
